# What clients do that only read, such as BI tools: who needs which privileges, cursors,
# prepared statements, the binary format, read-only transactions; and that a dump of a
# database with pipelines can be restored where no server can be reached.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('clients');
my $folder = PostgreSQL::Test::Utils::tempdir('lake');
my @names = map { $_->[0] } @views;

mkdir "$folder/topics" or die;
$node->safe_psql(
	'postgres', qq(
	CREATE ROLE analyst LOGIN;
	CREATE ROLE builder LOGIN;
	CREATE SERVER lake FOREIGN DATA WRAPPER s3_json;
	SELECT pinterest.create_pipeline('batch', server => 'lake', user_id => 'u1', location => 'file://$folder');
	SELECT pinterest.generate_posts(300)));
$node->safe_psql('postgres', q(CALL pinterest.emulate_posting('batch', posts => 300, seed => 1)));

# What psql prints for statements of that role
sub as_role
{
	my ($role, $sql) = @_;
	return "SET ROLE $role; SET client_min_messages = warning; $sql";
}

#
# Privileges: docs/pipeline.md, "Who may do what"
#
my $count = join ' UNION ALL ', map { "SELECT count(*) > 0 FROM batch.$_" } @names;

fails($node, as_role('analyst', $count), { state => '42501', like => [qr/schema batch/] }, 'reading needs USAGE of the schema');
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA batch TO analyst');
fails($node, as_role('analyst', $count), { state => '42501', like => [qr/view/] }, 'and SELECT on the views');
$node->safe_psql('postgres', 'GRANT SELECT ON ' . join(', ', map { "batch.$_" } @names) . ' TO analyst');
succeeds($node, as_role('analyst', $count), join("\n", ('t') x @names), 'with both all ten views can be read');
fails($node, as_role('analyst', "SELECT * FROM batch.$_"), { state => '42501' }, "but not $_") foreach qw(pin pin_source);
fails($node, as_role('analyst', q(SELECT * FROM pinterest.check_server('lake'))), { state => '42501', like => [qr/server lake/] }, 'nor the server used');

$node->safe_psql('postgres', 'GRANT INSERT ON batch.pin_source, batch.geo_source, batch.user_source TO analyst');
fails($node, as_role('analyst', q(CALL pinterest.emulate_posting('batch', 2))), { state => '42501', like => [qr/pinterest_data/] }, 'posting needs SELECT on the posts');
$node->safe_psql('postgres', 'GRANT SELECT ON pinterest_data, geolocation_data, user_data TO analyst');
succeeds($node, as_role('analyst', q(CALL pinterest.emulate_posting('batch', 2, seed => 1))), '', 'and INSERT on the foreign tables');

fails($node, as_role('builder', q(SELECT pinterest.create_pipeline('own', 'lake', 'u1', 's3://bucket'))),
	{ state => '42501', like => [qr/database/] }, 'a pipeline needs CREATE on the database');
$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE postgres TO builder');
fails($node, as_role('builder', q(SELECT pinterest.create_pipeline('own', 'lake', 'u1', 's3://bucket'))),
	{ state => '42501', like => [qr/server lake/] }, 'and USAGE of the server');
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER lake TO builder');
fails($node, as_role('builder', qq(SELECT pinterest.create_pipeline('own', 'lake', 'u1', 'file://$folder'))),
	{ state => '42501', like => [qr/pg_read_server_files/] }, 'and a folder the right to read files');
$node->safe_psql('postgres', 'GRANT pg_read_server_files TO builder');
succeeds($node, as_role('builder', qq(SELECT pinterest.create_pipeline('own', 'lake', 'u1', 'file://$folder'); SELECT count(*) > 0 FROM own.users_joined_by_year)),
	"\nt", 'with these it can be made and read');
succeeds($node, as_role('builder', q(SELECT pinterest.drop_pipeline('own'))), '', 'and dropped');

$node->safe_psql('postgres', 'REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pinterest FROM PUBLIC');
fails($node, as_role('analyst', $count), { state => '42501', like => [qr/function/] }, 'functions in views are those of their user');
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION ' . join(', ', map { "pinterest.$_" } qw(null_if_missing parse_follower_count parse_timestamp strip_save_location age_group)) . ' TO analyst');
succeeds($node, as_role('analyst', $count), join("\n", ('t') x @names), 'the cleaning functions are those they need');

#
# Ways to read
#
foreach my $view (@names)
{
	my $rows = $node->safe_psql('postgres', "SELECT v::text FROM batch.$view v ORDER BY 1");
	my $lines = $rows =~ tr/\n// + 1;

	succeeds(
		$node, qq(SET default_transaction_read_only = on; SET search_path = '';
		BEGIN;
		DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT v::text FROM batch.$view v ORDER BY 1;
		FETCH 1 FROM c; FETCH BACKWARD ALL FROM c;
		COMMIT;
		FETCH FORWARD ALL FROM c),
		join("\n", (split /\n/, $rows)[0], $rows), "a cursor, back and on behind the end of a read-only transaction: $view");
	succeeds(
		$node, qq(SET plan_cache_mode = force_generic_plan;
		PREPARE p(int) AS SELECT count(*) FROM batch.$view WHERE \$1 = 1;
		EXECUTE p(1); EXECUTE p(2); EXECUTE p(1)),
		"$lines\n0\n$lines", "a prepared statement: $view");
	is($node->safe_psql('postgres', "COPY (SELECT * FROM batch.$view) TO '$folder/binary' (FORMAT binary); SELECT 'done'"), 'done', "in the binary format: $view");
	succeeds($node, "CREATE TEMP TABLE r (LIKE batch.$view); COPY r FROM '$folder/binary' (FORMAT binary); SELECT r::text FROM r ORDER BY 1", $rows, "which holds the same: $view");
}
fails($node, q(SET default_transaction_read_only = on; INSERT INTO batch.geo_source (ind) VALUES (1)), { state => '25006' }, 'nothing is written in a read-only transaction');

# What tools ask the catalogs for
succeeds(
	$node,
	q(SELECT table_type, count(*) FROM information_schema.tables WHERE table_schema = 'batch' GROUP BY 1 ORDER BY 1),
	"FOREIGN|3\nVIEW|13", 'information_schema: tables and views');
succeeds(
	$node,
	q(SELECT count(*), count(*) FILTER (WHERE udt_schema = 'pg_catalog' AND data_type <> 'USER-DEFINED') FROM information_schema.columns
	  WHERE table_schema = 'batch'), '80|80', 'information_schema: columns of types that every tool knows');

#
# Dump and restore, with servers that nobody can reach
#
$node->safe_psql(
	'postgres', q(
	CREATE SERVER topics FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'localhost:1');
	CREATE SERVER streams FOREIGN DATA WRAPPER kinesis_json OPTIONS (endpoint 'http://localhost:1');
	CREATE USER MAPPING FOR CURRENT_USER SERVER streams OPTIONS (access_key_id 'a', secret_access_key 'b');
	SELECT pinterest.create_pipeline('live', 'topics', 'u1'), pinterest.create_pipeline('stream', 'streams', 'u1')));

my $described = q(SELECT nspname, relname, relkind, obj_description(c.oid), (SELECT string_agg(attname || ' ' || col_description(c.oid, attnum), ';' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0), pg_get_viewdef(c.oid), relacl::text, (SELECT array_agg(o ORDER BY o) FROM unnest(ftoptions) AS o)
	FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace LEFT JOIN pg_foreign_table ON ftrelid = c.oid
	WHERE nspname IN ('batch', 'live', 'stream') ORDER BY 1, 2);
my $dump = PostgreSQL::Test::Utils::tempdir('dump') . '/dump';
my $before = $node->safe_psql('postgres', $described);

$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'a dump');
foreach my $encoding (qw(UTF8 LATIN1 SQL_ASCII))
{
	my $name = lc "restored_$encoding";

	$node->safe_psql('postgres', "CREATE DATABASE $name ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($name), '--exclude-schema=public', $dump ],
		"restored where the encoding is $encoding");
	is($node->safe_psql($name, $described), $before, "$encoding: all of it, with comments and privileges");
	is($node->safe_psql($name, 'SELECT * FROM batch.users_joined_by_year ORDER BY 1'),
		$node->safe_psql('postgres', 'SELECT * FROM batch.users_joined_by_year ORDER BY 1'), "$encoding: and it works");
}

done_testing();
