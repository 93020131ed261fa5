# INSERT and COPY FROM into streams: what was written is there, each key's in its
# order; what failed says which row it was and what stays.  On two Kinesis servers.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use KinesisTest;
use Test::More;

my $node = new_node('kinesis_write');
my $metadata = q(key text OPTIONS (metadata 'partition_key'), hash numeric OPTIONS (metadata 'explicit_hash_key'),
	seq numeric OPTIONS (metadata 'sequence_number'), shard text OPTIONS (metadata 'shard_id'));
my $data = q(data bytea OPTIONS (metadata 'data'));

$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.kinesis_pacing = off');

# The table t of a stream
sub table_of
{
	my ($server, $stream, $columns, $options) = @_;

	$options //= '';
	$node->safe_psql('postgres',
		"DROP FOREIGN TABLE IF EXISTS t; CREATE FOREIGN TABLE t ($columns) SERVER $server OPTIONS (stream '$stream'$options)");
	return;
}

# Keys and bytes
sub contents { return [ sort map { "$_->[1] $_->[2]" } @_ ]; }

foreach my $kind (qw(ferrokinesis kinesis-local))
{
	my $kinesis = start_kinesis($kind);
	my $server = $kind =~ tr/-/_/r;

	if (!defined $kinesis)
	{
		diag("$kind could not be installed");
		next;
	}
	create_kinesis_server($node, $server, $kinesis->endpoint);

	$kinesis->create_stream('fields', 4);
	table_of($server, 'fields', qq(n int, t text, "When" timestamptz, list int[], $metadata));
	$node->safe_psql('postgres',
		q(INSERT INTO t (n, t, "When", list, key) VALUES (1, 'é "x"', '2024-01-02 03:04:05+00', '{1,NULL}', 'a'), (2, NULL, NULL, NULL, 'é"\\')));
	is_deeply(
		contents($kinesis->records('fields')),
		[ "a {\"n\":1,\"t\":\"\xc3\xa9 \\\"x\\\"\",\"When\":\"2024-01-02T03:04:05+00:00\",\"list\":[1,null]}",
			"\xe9\"\\ {\"n\":2,\"t\":null,\"When\":null,\"list\":null}" ],
		"$kind: JSON in the order of the columns");
	is($node->safe_psql('postgres', 'SELECT n, t, list, key FROM t ORDER BY n'), "1|é \"x\"|{1,NULL}|a\n2|||é\"\\", "$kind: it is read as it was written");
	$node->safe_psql('postgres', "COPY t (n, t, key) FROM STDIN;\n3\tthree\ta\n4\t\\N\t\\N\n\\.\n");
	is($node->safe_psql('postgres', 'SELECT n, t FROM t WHERE n > 2 ORDER BY n'), "3|three\n4|", "$kind: COPY FROM");
	is($node->safe_psql('postgres', q(INSERT INTO t (n) VALUES (5) RETURNING n, t)), '5|', "$kind: RETURNING");
	$node->safe_psql('postgres', q(INSERT INTO t (n) SELECT 6 WHERE false));
	is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 5, "$kind: no rows, no records");

	# Rows without a key are everywhere; a hash key goes before a key
	$kinesis->create_stream('spread', 4);
	table_of($server, 'spread', qq(n int, $metadata));
	$node->safe_psql('postgres', 'INSERT INTO t (n) SELECT generate_series(1, 400)');
	is( $node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT n), count(DISTINCT key), count(DISTINCT shard) FROM t'),
		'400|400|400|4', "$kind: rows without a key");
	cmp_ok($node->safe_psql('postgres', 'SELECT min(c) FROM (SELECT count(*) AS c FROM t GROUP BY shard) s'), '>', 50, "$kind: spread evenly");
	$node->safe_psql('postgres', q(INSERT INTO t (n, key, hash) VALUES (1001, 'a', 0), (1002, 'a', 340282366920938463463374607431768211455), (1003, 'b', 0)));
	is($node->safe_psql('postgres', 'SELECT n, key, shard FROM t WHERE n > 1000 ORDER BY n'),
		"1001|a|shardId-000000000000\n1002|a|shardId-000000000003\n1003|b|shardId-000000000000", "$kind: explicit hash keys");

	# Any bytes
	$kinesis->create_stream('bytes', 1);
	table_of($server, 'bytes', "n int, key text OPTIONS (metadata 'partition_key'), $data");
	$node->safe_psql('postgres', q(INSERT INTO t (key, data) VALUES ('1', '\x00ff10'), ('2', '{"n":7}'), ('4', '[1, 2'); INSERT INTO t (key, n) VALUES ('5', 8)));
	is_deeply(contents($kinesis->records('bytes')), [ "1 \x00\xff\x10", '2 {"n":7}', '4 [1, 2', '5 {"n":8}' ], "$kind: records as they are");

	# Some keys, many rows, in order; more than a request holds
	$kinesis->create_stream('keys', 3);
	table_of($server, 'keys', qq(n int, $metadata));
	my $rows = $kind eq 'ferrokinesis' ? 1000 : 100;
	$node->safe_psql('postgres', "INSERT INTO t (n, key) SELECT n, 'key-' || k FROM generate_series(1, $rows) AS n, generate_series(1, 3) AS k");
	is(scalar(my @records = $kinesis->records('keys')), 3 * $rows, "$kind: all rows of some keys");
	$kinesis->keys_are_in_order('keys');

	# A table of one key
	$kinesis->create_stream('shared', 2);
	table_of($server, 'shared', "n int, key text OPTIONS (metadata 'partition_key')", q(, partition_key 'mine'));
	$node->safe_psql('postgres', q(INSERT INTO t (n, key) VALUES (1, NULL), (2, 'mine')));
	is_deeply(contents($kinesis->records('shared')), [ 'mine {"n":1}', 'mine {"n":2}' ], "$kind: the table's own key");
	fails($node, q(INSERT INTO t VALUES (3, 'yours')), { state => '23514', like => [ qr/partition key is not that of the foreign table/, qr/row 1 of the statement.*"mine"/ ] },
		"$kind: and no other");

	table_of($server, 'nowhere', 'n int');
	fails($node, 'INSERT INTO t VALUES (1)', { state => '42704', like => [ qr/"nowhere": ResourceNotFoundException/, qr/HINT: .*name/ ], within => 10 },
		"$kind: a stream that is not there");

	if ($kind eq 'ferrokinesis')
	{
		$kinesis->create_stream('many', 4);
		table_of($server, 'many', qq(n int, t text, $metadata));
		$node->safe_psql('postgres', q(INSERT INTO t (n, t) SELECT i, repeat('x', 100) FROM generate_series(1, 100000) AS i));
		is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT n) FROM t'), '100000|100000', '100,000 rows, each once');
		$kinesis->create_stream('large', 1);
		table_of($server, 'large', qq(t text, $metadata));
		$node->safe_psql('postgres', q(INSERT INTO t (t) SELECT repeat('x', 1000000) FROM generate_series(1, 12)));
		is($node->safe_psql('postgres', 'SELECT count(*), sum(length(t)) FROM t'), '12|12000000', 'large records: some requests');
		fails($node, q(INSERT INTO t (t, key) VALUES ('a', 'k'), (repeat('x', 1048570), 'k'), ('b', 'k')),
			{ state => '22023', like => [ qr/write row 2 of the statement, with partition key "k", to stream "large": \w+Exception/, qr/^1 records had been delivered, and stay/m ] },
			'one that is larger than the stream takes');
	}
}

$node->stop;
done_testing();
