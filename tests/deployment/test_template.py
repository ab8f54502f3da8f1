"""deploy/aws/template.yaml: CloudFormation takes it, it gives a function the least, and names every variable."""

import json
import re
import subprocess
import sys
from pathlib import Path

import detent.functions
from deployment.template import TEMPLATE, allowed_actions, resources, statements, template

SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/orders-AbCdEf"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:rotate-orders"
VARIABLE = re.compile(r'(?<!reason=)"([A-Z]+(?:_[A-Z]+)+)"')  # OpenSSL's reasons are written like that, too


def lint(path: Path) -> str:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "eu-central-1", "--", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_cloudformation_takes_the_template(tmp_path: Path) -> None:
    assert lint(TEMPLATE) == ""
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text().replace("SourceAccount:", "SourceAcount:"))
    assert "SourceAcount" in lint(broken)


def test_the_secrets_are_those_that_are_tagged_or_one_and_name_the_function() -> None:
    rotated = statements()["TheSecretsThatNameThisFunction"]
    assert rotated["Resource"] == "arn:aws:secretsmanager:eu-central-1:123456789012:secret:*"
    assert rotated["Condition"]["StringEquals"] == {
        "secretsmanager:resource/AllowRotationLambdaArn": FUNCTION,
        "aws:ResourceTag/rotates-with": "rotate-orders",
    }
    one = statements(SecretArn=SECRET)["TheSecretsThatNameThisFunction"]
    assert one["Resource"] == SECRET
    assert one["Condition"]["StringEquals"] == {"secretsmanager:resource/AllowRotationLambdaArn": FUNCTION}


def test_the_role_has_no_more_than_was_asked_for() -> None:
    always = {"TheSecretsThatNameThisFunction", "NewPasswords", "ItsLog"}
    assert set(statements()) == always
    assert set(statements(AdminSecretArn=SECRET)) == {*always, "TheAdminSecret"}
    assert set(statements(KmsKeyArn="arn:aws:kms:eu-central-1:1:key/k")) == {*always, "TheKey"}
    assert set(statements(SubnetIds="subnet-1,subnet-2")) == {*always, "ItsPlaceInTheVpc"}
    everything = statements(AdminSecretArn=SECRET, KmsKeyArn="arn:aws:kms:eu-central-1:1:key/k", SubnetIds="subnet-1")
    assert {sid for sid, one in everything.items() if one["Resource"] == "*"} == {"NewPasswords", "ItsPlaceInTheVpc"}
    assert not [sid for sid, one in everything.items() if "*" in json.dumps(one["Action"])]
    assert everything["TheAdminSecret"]["Action"] == "secretsmanager:GetSecretValue"
    assert everything["TheAdminSecret"]["Resource"] == SECRET
    assert "ManagedPolicyArns" not in resources()["Role"]


def test_the_calls_of_a_function_are_the_actions_of_its_role() -> None:
    source = (Path(*detent.functions.__path__) / "staged.py").read_text(encoding="utf-8")
    calls = re.findall(r"(?:_client|_last\(self\._client\))\.([a-z_]+)\(", source)
    named = {f"secretsmanager:{''.join(part.capitalize() for part in call.split('_'))}" for call in calls}
    assert named | {"secretsmanager:DescribeSecret"} == set(allowed_actions())


def test_only_secrets_manager_of_this_account_may_call_the_function() -> None:
    permission = resources()["MayBeCalled"]
    assert permission == {
        "FunctionName": "<Function.Arn>",
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": "123456789012",
    }
    assert resources(SecretArn=SECRET)["MayBeCalled"] == {**permission, "SourceArn": SECRET}


def test_the_function_is_in_a_vpc_only_where_subnets_are_named() -> None:
    assert "VpcConfig" not in resources()["Function"]
    placed = resources(SubnetIds="subnet-1", SecurityGroupIds="sg-1")["Function"]["VpcConfig"]
    assert placed == {"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}


def test_every_variable_that_functions_read_is_a_parameter_and_unset_unless_it_is_given() -> None:
    folder = Path(*detent.functions.__path__)
    read = [path.read_text(encoding="utf-8") for path in (*folder.glob("*.py"), *folder.glob("strategies/*.py"))]
    variables = {name for text in read for name in VARIABLE.findall(text)}
    declared = template()["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert set(declared) == variables
    endpoint = {"SECRETS_MANAGER_ENDPOINT": "https://secretsmanager.eu-central-1.amazonaws.com"}
    assert resources()["Function"]["Environment"]["Variables"] == endpoint
    for variable in variables:
        parameter = "".join(part.capitalize() for part in variable.split("_"))
        value = "true" if template()["Parameters"][parameter].get("AllowedValues") else "24"
        given = resources(**{parameter: value})["Function"]["Environment"]["Variables"]
        assert given == {**endpoint, variable: value}
