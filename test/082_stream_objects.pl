# Streams over buckets: each object once, whatever happens in between.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('stream_objects');

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

sub stream
{
	my ($name, $server, $location) = @_;
	return sql(qq(CREATE FOREIGN TABLE ${name}_source (n int, etag text OPTIONS (metadata 'etag')) SERVER $server OPTIONS (location '$location');
		CREATE TABLE $name (n int, etag text); SELECT pinterest.create_stream('$name', '${name}_source', '$name')));
}

#
# A server that fails on request
#
my $faults = start_fault_server();
create_bucket_server($node, 'faults', $faults->endpoint);
stream('a', 'faults', 's3://bucket-a/in/');
$faults->put_all('bucket-a', map { ("in/$_.json" => qq({"n":$_}\n{"n":-$_}\n)) } 1 .. 300);
succeeds($node, q(SELECT pinterest.pull_stream('a', 51)), 52, 'some objects');
$faults->put_all('bucket-a', map { ("in/$_.json" => qq({"n":$_}\n{"n":-$_}\n)) } 301 .. 400);
$faults->fault('bucket-a', fault => 'half', op => 'get', times => 3);
succeeds($node, q(SELECT pinterest.pull_stream('a')), 748, 'the others, and those that have come since');
succeeds($node, 'SELECT count(*), count(DISTINCT n), min(n), max(n) FROM a', '800|800|-400|400', 'each once');
succeeds($node, q(SELECT pinterest.pull_stream('a'); SELECT records, rows FROM pinterest.stream_status), "0\n800|800", 'and no more');

# A run that fails in the middle
$faults->put_all('bucket-a', map { ("in/$_.json" => qq({"n":$_}\n)) } 401 .. 500);
$faults->put('bucket-a', 'in/bad.json', '{"n":"x"}');
sql(q(CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE insufficient_privilege; END';
	CREATE TRIGGER forbid BEFORE INSERT ON a FOR EACH ROW WHEN (NEW.n = 450) EXECUTE FUNCTION forbid()));
fails($node, q(SELECT pinterest.pull_stream('a')), { state => '42501' }, 'an error that no record is to blame for');
succeeds($node, 'SELECT count(*) FROM a; SELECT count(*) FROM pinterest.stream_position; SELECT count(*) FROM pinterest.dead_letter', "800\n400\n0", 'leaves nothing behind');
sql(q(DROP TRIGGER forbid ON a; SELECT pinterest.pull_stream('a')));
succeeds($node, 'SELECT count(*), count(DISTINCT n) FROM a; SELECT split FROM pinterest.dead_letter', "900|900\ns3://bucket-a/in/bad.json", 'and the next run has it all');

# A worker
sql(q(SELECT pinterest.drop_stream('a'); DELETE FROM a; SELECT pinterest.create_stream('a', 'a_source', 'a', batch_wait => '100 ms', batch_rows => 30); SELECT pinterest.start_stream('a')));
ok($node->poll_query_until('postgres', 'SELECT count(*) = 900 FROM a'), 'a worker takes what there is');
$faults->put_all('bucket-a', map { ("in/$_.json" => qq({"n":$_}\n)) } 501 .. 510);
ok($node->poll_query_until('postgres', 'SELECT count(*) = 910 FROM a'), 'and objects that come');
$faults->fault('bucket-a', fault => 'close', op => 'list', times => 20);
$faults->put('bucket-a', 'in/511.json', '{"n":511}');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 911 FROM a'), 'in spite of faults');
succeeds($node, q(SELECT count(*), count(DISTINCT n) FROM a; SELECT state, rows FROM pinterest.stream_status WHERE stream = 'a'), "911|911\nrunning|911", 'each once');
sql(q(SELECT pinterest.stop_stream('a')));

#
# A server that checks signatures, and has ETags of its own
#
SKIP:
{
	my $endpoint = start_versitygw();
	skip 'versitygw could not be built', 2 if !defined $endpoint;
	my $folder = PostgreSQL::Test::Utils::tempdir('objects');

	create_bucket_server($node, 's3', $endpoint);
	stream('b', 's3', 's3://bucket-b/');
	append_to_file("$folder/$_.json", qq({"n":1}\n)) foreach 'one', 'two';
	put_folder($endpoint, 'bucket-b', $folder);
	succeeds($node, q(SELECT pinterest.pull_stream('b'); SELECT count(DISTINCT position), count(*) FROM pinterest.stream_position WHERE stream = 'b'), "2\n1|2",
		'objects, known by their ETags');
	append_to_file("$folder/two.json", qq({"n":2}\n));
	put_folder($endpoint, 'bucket-b', $folder);
	succeeds($node, q(SELECT pinterest.pull_stream('b'); SELECT n, etag = position FROM b JOIN pinterest.stream_position ON stream = 'b' AND split = 's3://bucket-b/two.json' WHERE n = 2), "2\n2|t",
		'one that has changed is another one');
}

done_testing();
