# What the drivers of programs and BI tools do, each in a program of its own: psycopg 3,
# pgjdbc and psqlODBC.  See test/drivers/.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('drivers');
my $folder = PostgreSQL::Test::Utils::tempdir('lake');
my $fault_server = start_fault_server();
my $port = PostgreSQL::Test::Cluster::get_free_port();

# pgjdbc knows no other sockets
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\nport = $port\n");
$node->stop;
$node->{_port} = $port;
$node->start;

my $user = $node->safe_psql('postgres', 'SELECT current_user');

mkdir "$folder/$_" or die foreach qw(topics events);
$fault_server->put('bucket', 'in/1.json', '{"id":1}');
$fault_server->fault('bucket', op => 'get', fault => 'hang');
create_bucket_server($node, 'faulty', $fault_server->endpoint);
$node->safe_psql(
	'postgres', qq(
	CREATE SERVER lake FOREIGN DATA WRAPPER s3_json;
	CREATE FOREIGN TABLE events (id int, name text, amount double precision, at timestamptz, tags text[], doc jsonb)
		SERVER lake OPTIONS (location 'file://$folder/events/', updatable 'true');
	CREATE FOREIGN TABLE hanging (id int) SERVER faulty OPTIONS (location 's3://bucket/in/');
	SELECT pinterest.create_pipeline('daily', 'lake', 'u1', 'file://$folder', mode => 'landed');
	SELECT pinterest.generate_posts(300)));
$node->safe_psql('postgres', q(CALL pinterest.emulate_posting('daily', posts => 40, seed => 1)));

# passes COMMAND…: reports what the program found, and that it came to its end
sub passes
{
	my ($name, @command) = @_;
	my $rc = IPC::Run::run(\@command, '>', \my $said, '2>', \my $error, IPC::Run::timeout(60));

	foreach my $line (split /\n/, $said)
	{
		if ($line =~ /^(not )?ok - (.*)/) { ok(!$1, $2); }
		else { diag($line); }
	}
	ok($rc, "$name: to the end") or diag($error);
	return;
}

SKIP:
{
	skip 'no psycopg 3 here (python3-psycopg)', 1 if system('python3 -c "import psycopg" 2>/dev/null') != 0;
	passes('psycopg', 'python3', 'test/drivers/psycopg_client.py', $node->connstr('postgres'));
}
SKIP:
{
	my ($jar) = grep { -e $_ } '/usr/share/java/postgresql.jar';

	skip 'no pgjdbc here (libpostgresql-jdbc-java)', 1 if !defined $jar;
	passes('JDBC', 'java', '-XX:-UsePerfData', '-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', $jar, 'test/drivers/JdbcClient.java',
		"jdbc:postgresql://127.0.0.1:$port/postgres?user=$user&reWriteBatchedInserts=true");
}
SKIP:
{
	my ($driver) = glob '/usr/lib/*/odbc/psqlodbcw.so';

	skip 'no psqlODBC here (odbc-postgresql, python3-pyodbc)', 1 if !defined $driver || system('python3 -c "import pyodbc" 2>/dev/null') != 0;
	passes('ODBC', 'python3', 'test/drivers/odbc_client.py', "DRIVER=$driver;SERVER=127.0.0.1;PORT=$port;DATABASE=postgres;UID=$user");
}

done_testing();
