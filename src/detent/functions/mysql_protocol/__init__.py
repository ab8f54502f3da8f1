"""What MariaDB and MySQL share: the driver, its failures that come from the network, and how grants are read and given.

It is no engine: engines/mariadb and engines/mysql are, and each keeps to itself what its server does in its own way.
"""
