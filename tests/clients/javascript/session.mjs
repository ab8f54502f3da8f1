// One secret's life through AWS's SDK, unmodified: `node session.mjs NAME FUNCTION` with the value on standard input.
// What it saw goes to standard output as JSON, without any value.
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";

const [name, rotationFunction] = process.argv.slice(2);
const value = readFileSync(0, "utf8");
const client = new SecretsManagerClient({});

const created = await client.send(new CreateSecretCommand({ Name: name, SecretString: value }));
const first = await client.send(new GetSecretValueCommand({ SecretId: name }));
const rotated = await client.send(
  new RotateSecretCommand({ SecretId: name, RotationLambdaARN: rotationFunction, RotationRules: { AutomaticallyAfterDays: 30 } }),
);

let current = first;
for (let tries = 0; current.VersionId !== rotated.VersionId && tries < 600; tries += 1) {
  await setTimeout(50);
  current = await client.send(new GetSecretValueCommand({ SecretId: name }));
}
const described = await client.send(new DescribeSecretCommand({ SecretId: name }));
const refusal = await client.send(new GetSecretValueCommand({ SecretId: `${name}/none` })).catch((error) => error);

const password = (reply) => JSON.parse(reply.SecretString).password;
console.log(
  JSON.stringify({
    created: created.VersionId,
    readBack: first.SecretString === value,
    rotated: rotated.VersionId,
    current: current.VersionId,
    passwordChanged: password(first) !== password(current),
    createdDate: current.CreatedDate instanceof Date,
    rotationEnabled: described.RotationEnabled,
    refusal: [refusal.name, refusal.message],
  }),
);
