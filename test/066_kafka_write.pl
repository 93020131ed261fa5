# INSERT and COPY FROM into topics of a real cluster: what was written is there, what
# failed says which row it was and what stays.

use strict;
use warnings;

use lib 'test/lib';
use IPC::Run ();
use KafkaTest;
use PinterestTest;
use Test::More;

my $kafka = start_kafka(settings => { 'message.max.bytes' => 16 << 20, 'replica.fetch.max.bytes' => 16 << 20 });

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('kafka_write');
my $metadata = q(topic text OPTIONS (metadata 'topic'), partition int OPTIONS (metadata 'partition'),
	"offset" bigint OPTIONS (metadata 'offset'), at timestamptz OPTIONS (metadata 'timestamp'),
	kind text OPTIONS (metadata 'timestamp_type'), key bytea OPTIONS (metadata 'key'),
	headers json OPTIONS (metadata 'headers'), error text OPTIONS (metadata 'error'));
my $value = q(value bytea OPTIONS (metadata 'value'));

$node->safe_psql('postgres',
	qq(CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '@{[ $kafka->bootstrap ]}')));

# A topic of that many partitions, and a table of the same name over it
sub make_table
{
	my ($name, $columns, $partitions) = @_;

	$kafka->create_topic($name, $partitions // 1);
	$node->safe_psql('postgres', qq(CREATE FOREIGN TABLE "$name" ($columns) SERVER kafka OPTIONS (topic '$name')));
	return;
}

# What the topic holds, without what is not asked for
sub messages
{
	my ($topic, @wanted) = @_;

	return [ map { my $message = $_; [ map { $message->{$_} } @wanted ] } @{ $kafka->consume($topic) } ];
}

#
# Values
#
make_table('fields', 'n int, t text, "When" timestamptz, list int[]');
$node->safe_psql('postgres', q(INSERT INTO fields VALUES (1, 'é "x"', '2024-01-02 03:04:05+00', '{1,NULL}'), (2, NULL, NULL, NULL)));
is_deeply(
	messages('fields', qw(value key headers)),
	[ [ "{\"n\":1,\"t\":\"\xc3\xa9 \\\"x\\\"\",\"When\":\"2024-01-02T03:04:05+00:00\",\"list\":[1,null]}", undef, [] ],
		[ '{"n":2,"t":null,"When":null,"list":null}', undef, [] ] ],
	'JSON in the order of the columns');
$node->safe_psql('postgres', "COPY fields (n, t) FROM STDIN;\n3\tthree\n4\t\\N\n\\.\n");
is($node->safe_psql('postgres', 'SELECT n, t FROM fields ORDER BY "n"'), "1|é \"x\"\n2|\n3|three\n4|", 'COPY FROM');
is($node->safe_psql('postgres', q(INSERT INTO fields (n) VALUES (5) RETURNING n, t)), '5|', 'RETURNING');
$node->safe_psql('postgres', q(INSERT INTO fields SELECT 6 WHERE false));
is($node->safe_psql('postgres', 'SELECT count(*) FROM fields'), 5, 'no rows, no messages');
like($node->safe_psql('postgres', 'EXPLAIN (COSTS off) INSERT INTO fields VALUES (1)'), qr/Topic: fields/, 'EXPLAIN');

make_table('changed', 'a int, b int, c int');
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE changed DROP COLUMN b, ADD COLUMN d int DEFAULT 4; INSERT INTO changed (a, c) VALUES (1, 3)');
is_deeply(messages('changed', 'value'), [ ['{"a":1,"c":3,"d":4}'] ], 'columns dropped and added');

#
# What goes with them
#
make_table('steered', "n int, $metadata", 4);
$node->safe_psql(
	'postgres', q(
	INSERT INTO steered (n, partition, key) VALUES (1, 3, 'key'), (2, 2, ''), (3, 2, NULL), (4, 2, '\x00ff00');
	INSERT INTO steered (n, partition, topic, at) VALUES (5, 1, 'steered', '2001-02-03 04:05:06.789+00');
	INSERT INTO steered (n, partition, headers) VALUES
		(6, 1, '[{"key": "a", "value": "x"}, {"key": "a", "value": null}, {"key": ""},
			{"key": "b", "base64": "AP8="}, {"key": "c", "value": ""}, {"key": "d", "value": "é"}]'),
		(7, 1, '[]');));
is_deeply(
	messages('steered', qw(partition value key)),
	[ [ 1, '{"n":5}', undef ], [ 1, '{"n":6}', undef ], [ 1, '{"n":7}', undef ],
		[ 2, '{"n":2}', '' ], [ 2, '{"n":3}', undef ], [ 2, '{"n":4}', "\0\xff\0" ], [ 3, '{"n":1}', 'key' ] ],
	'partitions and keys');
my $all = $kafka->consume('steered');
is($all->[0]->{timestamp}, 981173106789, 'the time of a row');
cmp_ok(abs($all->[1]->{timestamp} / 1000 - time), '<', 600, 'now without');
is_deeply($all->[1]->{headers}, [ [ a => 'x' ], [ a => undef ], [ '' => undef ], [ b => "\0\xff" ], [ c => '' ], [ d => "\xc3\xa9" ] ], 'headers');
is_deeply($all->[2]->{headers}, [], 'no headers');

# What is read can be written
make_table('copied', "n int, $metadata, $value", 4);
$node->safe_psql('postgres',
	'INSERT INTO copied (partition, at, key, headers, n) SELECT partition, at, key, headers, n FROM steered ORDER BY partition, "offset"');
my @what = qw(partition value key headers timestamp);
is_deeply(messages('copied', @what), messages('steered', @what), 'a copy of a topic, field by field');

# Keys without a partition go where Java's producers send them
$node->safe_psql('postgres', q(INSERT INTO steered (n, key) SELECT 100 + i, convert_to('key-' || i, 'UTF8') FROM generate_series(1, 8) AS i));
is( $node->safe_psql('postgres', q(SELECT string_agg(partition::text, '' ORDER BY n) FROM steered WHERE n > 100)),
	join('', map { murmur2("key-$_") % 4 } 1 .. 8),
	'the partitioner is murmur2');

# org.apache.kafka.common.utils.Utils.murmur2, made positive
sub murmur2
{
	use integer;
	my @bytes = unpack 'C*', $_[0];
	my ($m, $mask) = (0x5bd1e995, 0xffffffff);
	my $h = (0x9747b28c ^ @bytes) & $mask;

	while (@bytes >= 4)
	{
		my $k = unpack 'V', pack 'C4', splice @bytes, 0, 4;
		$k = $k * $m & $mask;
		$k = ($k ^ ($k >> 24)) * $m & $mask;
		$h = ($h * $m & $mask) ^ $k;
	}
	$h ^= $bytes[2] << 16 if @bytes > 2;
	$h ^= $bytes[1] << 8 if @bytes > 1;
	$h = (($h ^ $bytes[0]) & $mask) * $m & $mask if @bytes;
	$h = ($h ^ ($h >> 13)) * $m & $mask;
	return ($h ^ ($h >> 15)) & 0x7fffffff;
}

# Types other than the metadata's own
make_table('texts', q(n int, key text OPTIONS (metadata 'key'), headers jsonb OPTIONS (metadata 'headers'),
	part smallint OPTIONS (metadata 'partition'), at text OPTIONS (metadata 'timestamp')), 2);
$node->safe_psql('postgres', q(INSERT INTO texts VALUES (1, E'\\\\x41é', '[{"key": "h", "value": "v"}]', 1, '2001-02-03 04:05:06.789+00')));
is_deeply(messages('texts', @what), [ [ 1, '{"n":1}', "\\x41\xc3\xa9", [ [ h => 'v' ] ], 981173106789 ] ], 'columns of other types');

#
# The value as a whole, and none
#
make_table('whole', "n int, t text, $value, key text OPTIONS (metadata 'key')");
$node->safe_psql(
	'postgres', q(
	INSERT INTO whole (value) VALUES ('no JSON'), ('\x00ff'), ('');
	INSERT INTO whole (key) VALUES ('deleted');
	INSERT INTO whole (n) VALUES (1);
	INSERT INTO whole (n, t, value) VALUES (NULL, NULL, NULL);));
is_deeply(
	messages('whole', qw(value key)),
	[ [ 'no JSON', undef ], [ "\0\xff", undef ], [ '', undef ], [ undef, 'deleted' ], [ '{"n":1,"t":null}', undef ], [ undef, undef ] ],
	'values as they are, tombstones, and fields');
fails($node, q(INSERT INTO whole (n, value) VALUES (1, '{}')),
	{ state => '22023', like => [qr/both column "value" and fields into foreign table "whole"/] },
	'value and fields at once');

make_table('unseen', q(n int, key text OPTIONS (metadata 'key')));
$node->safe_psql('postgres', q(INSERT INTO unseen (key) VALUES ('k')));
is_deeply(messages('unseen', qw(value key)), [ [ '{"n":null}', 'k' ] ], 'no column for the value: no tombstones');

#
# What rows cannot give
#
foreach my $case (
	[ '"offset") VALUES (1, 5', '0A000', qr/column "offset" of foreign table "steered"/ ],
	[ q{kind) VALUES (1, 'create'}, '0A000', qr/column "kind"/ ],
	[ q{error) VALUES (1, 'x'}, '0A000', qr/column "error"/ ],
	[ q{topic) VALUES (1, 'fields'}, '23514', qr/cannot write to topic "fields": the foreign table is for topic "steered"/ ],
	[ 'partition) VALUES (1, 4', '42704', qr/partition 4 of topic "steered" does not exist.*partitions of the topic are 0 to 3/s ],
	[ 'partition) VALUES (1, -1', '42704', qr/partition -1 of topic/ ],
	[ q{at) VALUES (1, '1970-01-01 00:00:00+00'}, '22008', qr/timestamp out of range for a Kafka message/ ],
	[ q{at) VALUES (1, 'infinity'}, '22008', qr/timestamp out of range/ ],
	[ q{headers) VALUES (1, '{}'}, '22023', qr/invalid headers.*no JSON array\. They are given by row 1 of the statement/s ],
	[ q{headers) VALUES (1, '[1]'}, '22023', qr/no JSON object/ ],
	[ q{headers) VALUES (1, '[{"value": "x"}]'}, '22023', qr/no "key"/ ],
	[ q{headers) VALUES (1, '[{"key": "k", "value": 1}]'}, '22023', qr/"value" of a header is no string/ ],
	[ q{headers) VALUES (1, '[{"key": "k", "value": "x", "base64": ""}]'}, '22023', qr/both/ ],
	[ q{headers) VALUES (1, '[{"key": "k", "base64": "!"}]'}, '22023', qr/no Base64/ ],
	[ q{headers) VALUES (1, '[{"key": "k", "other": 1}]'}, '22023', qr/members besides/ ],)
{
	my ($sql, $state, $pattern) = @$case;

	fails($node, "INSERT INTO steered (n, $sql)", { state => $state, like => [$pattern] }, "refused: $sql");
}

#
# Patterns
#
$node->safe_psql('postgres', q(
	CREATE FOREIGN TABLE several (n int, topic text OPTIONS (metadata 'topic')) SERVER kafka OPTIONS (topic '^pattern-')));
$kafka->create_topic("pattern-$_") foreach qw(a b);
$node->safe_psql('postgres', q(INSERT INTO several VALUES (1, 'pattern-a'), (2, 'pattern-b'), (3, 'pattern-a')));
is($node->safe_psql('postgres', 'SELECT topic, n FROM several ORDER BY n'), "pattern-a|1\npattern-b|2\npattern-a|3", 'a pattern: each row says its topic');
fails($node, 'INSERT INTO several VALUES (1)', { state => '22004', like => [qr/it is a pattern for several/, qr/metadata "topic"/] }, 'a pattern: no topic');
fails($node, q(INSERT INTO several VALUES (1, 'fields')), { state => '23514' }, 'a pattern: one that does not match');
fails($node, q(INSERT INTO several VALUES (1, 'pattern-c')), { state => '42704', like => [qr/"pattern-c"/] }, 'a pattern: one that is not there');
ok(!exists $kafka->topics->{'pattern-c'}, 'no topic is made by writing to it');

#
# Statements
#
is( $node->safe_psql(
		'postgres', q(
		PREPARE put AS INSERT INTO fields (n) VALUES ($1);
		DO $$ BEGIN FOR i IN 1000 .. 1099 LOOP INSERT INTO fields (n) VALUES (i); END LOOP; END $$;
		EXECUTE put(1100); EXECUTE put(1101);
		WITH a AS (INSERT INTO fields (n) VALUES (1102) RETURNING n) INSERT INTO unseen SELECT n, 'two' FROM a;
		SELECT count(*), max(n) FROM fields WHERE n >= 1000; SELECT count(*) FROM unseen WHERE n = 1102;)),
	"103|1102\n1", 'many statements, and two tables in one');
make_table('many', q(n int, t text), 3);
$node->safe_psql('postgres', q(INSERT INTO many SELECT i, md5(i::text) FROM generate_series(1, 200000) AS i));
is( $node->safe_psql('postgres', q(SELECT count(*), count(DISTINCT n), bool_and(t = md5(n::text)) FROM many)),
	'200000|200000|t', '200,000 rows, each once');

# What was written stays after a rollback, and a warning says so
my $stderr = '';
$node->psql('postgres', q(BEGIN; INSERT INTO fields (n) VALUES (2000), (2001); ROLLBACK), stderr => \$stderr);
like($stderr, qr/WARNING:  rolling back does not undo what was written to "fields"\nDETAIL:  Number of messages that stay there: 2\./, 'ROLLBACK: a warning');
$node->psql('postgres', q(DO $$ BEGIN INSERT INTO fields (n) VALUES (2002); PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END $$), stderr => \$stderr);
like($stderr, qr/Number of messages that stay there: 1\./, 'a subtransaction: a warning');
is($node->safe_psql('postgres', 'SELECT count(*) FROM fields WHERE n >= 2000'), 3, 'and they are there');
$node->psql('postgres', q(INSERT INTO fields (n) SELECT 3000 + i / (500 - i) * 0 FROM generate_series(1, 1000) AS i), stderr => \$stderr);
like($stderr, qr/division by zero/, 'an error elsewhere');
my ($stays) = $stderr =~ /Number of messages that stay there: (\d+)/;
is($node->safe_psql('postgres', 'SELECT count(*) FROM fields WHERE n = 3000'), $stays // 0, 'an error elsewhere: the warning counts what stays');

# What the server says of the producer
my $codecs = 0;
$kafka->create_topic('tuned', 2, { 'max.message.bytes' => 12_000_000 });
$node->safe_psql(
	'postgres', qq(
	CREATE SERVER tuned FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '@{[ $kafka->bootstrap ]}',
		"message.max.bytes" '12000000', "compression.type" 'zstd', "queue.buffering.max.kbytes" '200', "linger.ms" '0');
	CREATE FOREIGN TABLE tuned (n int, t text, value bytea OPTIONS (metadata 'value')) SERVER tuned OPTIONS (topic 'tuned');));
$node->safe_psql('postgres', q(INSERT INTO tuned (n, t) SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i));
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT n), bool_and(t = md5(n::text)) FROM tuned'), '20000|20000|t', 'a small queue, compressed');
foreach my $codec (qw(gzip snappy lz4 none))
{
	$node->safe_psql('postgres', qq(ALTER SERVER tuned OPTIONS (SET "compression.type" '$codec')));
	$node->safe_psql('postgres', q(INSERT INTO tuned (n, t) SELECT -1, repeat('xyz ', 1000) FROM generate_series(1, 500)));
	is($node->safe_psql('postgres', 'SELECT count(*), min(length(t)) FROM tuned WHERE n = -1'), (500 * ++$codecs) . '|4000', "compression $codec");
}
$node->safe_psql('postgres', q(ALTER SERVER tuned OPTIONS (SET "queue.buffering.max.kbytes" '100000')));
$node->safe_psql('postgres', q(INSERT INTO tuned (n, t) SELECT 0, repeat('xyz ', 2500000) FROM generate_series(1, 3)));
is($node->safe_psql('postgres', 'SELECT count(*), min(length(t)), max(length(value)) FROM tuned WHERE n = 0'), '3|10000000|10000014', 'messages of 10 MB');

# Options that forbid it
$node->safe_psql('postgres', q(ALTER FOREIGN TABLE unseen OPTIONS (ADD updatable 'false')));
fails($node, 'INSERT INTO unseen VALUES (1)', { state => '55000' }, 'a table that is not updatable');
$node->safe_psql('postgres', q(ALTER SERVER kafka OPTIONS (ADD updatable 'false')));
fails($node, 'INSERT INTO fields (n) VALUES (1)', { state => '55000' }, 'a server that is not');
$node->safe_psql('postgres', q(ALTER FOREIGN TABLE unseen OPTIONS (SET updatable 'true'); INSERT INTO unseen VALUES (1)));
$node->safe_psql('postgres', q(ALTER SERVER kafka OPTIONS (DROP updatable)));
fails($node, 'UPDATE fields SET n = 1', { state => '0A000' }, 'UPDATE');

#
# Failures
#
fails($node, q(INSERT INTO steered (n, key) SELECT i, convert_to(repeat('x', CASE WHEN i = 300 THEN 2000000 ELSE 1 END), 'UTF8') FROM generate_series(1, 400) AS i),
	{ state => '54000', like => [qr/could not write to topic "steered": .*too large/, qr/row 300 of the statement, with key "x{64}\.\.\."\./, qr/\d+ messages had been delivered, and stay/, qr/message\.max\.bytes/] },
	'a message larger than the client may send');
$kafka->create_topic('small', 1, { 'max.message.bytes' => 1000 });
$node->safe_psql('postgres', q(CREATE FOREIGN TABLE small (t text, key bytea OPTIONS (metadata 'key')) SERVER kafka OPTIONS (topic 'small')));
$node->safe_psql('postgres', q(INSERT INTO small VALUES ('fits')));
foreach my $case ([ 'NULL', qr/statement, for partition 0\./ ], [ q('é'), qr/statement, with key "é", for/ ], [ q('\xff00'), qr/statement, with key \\xff00, for/ ], [ q(repeat('é', 40)::bytea), qr/with key "(?:é){32}\.\.\."/ ], [ q(repeat('x', 63)::bytea || 'é'::bytea), qr/with key "x{63}\.\.\."/ ])
{
	my ($key, $shown) = @$case;

	my $stderr = fails($node, "INSERT INTO small SELECT repeat('secret', 2000), $key",
		{ state => '54000', like => [qr/could not write to topic "small"/, qr/row 1 of the statement/, $shown, qr/max\.message\.bytes/] },
		"a message larger than the topic may have: key $key");
	unlike($stderr, qr/secretsecret/, "its value is not shown: key $key");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM small'), 1, 'is not there');
$node->safe_psql('postgres', q(CREATE FOREIGN TABLE nowhere (n int) SERVER kafka OPTIONS (topic 'nowhere')));
fails($node, 'INSERT INTO nowhere VALUES (1)', { state => '42704', like => [qr/"nowhere"/], within => 10 }, 'a topic that is not there');
ok(!exists $kafka->topics->{nowhere}, 'is not made');
$kafka->delete_topic('small');
fails($node, q(INSERT INTO small VALUES ('x')), { state => '42704', within => 10 }, 'a topic that is gone');

# Rows that stop in the middle until the broker is in another state
sub insert_around
{
	my ($code, $limits) = @_;
	my ($in, $out, $err) = ("$limits\n", '', '');
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	my $lock = $node->background_psql('postgres');

	$lock->query_safe('SELECT pg_advisory_lock(1)');
	$in .= "INSERT INTO many SELECT i, repeat('x', 100) || CASE WHEN i = 250000 THEN pg_advisory_lock_shared(1)::text ELSE '' END FROM generate_series(200001, 300000) AS i;\n\\q\n";
	wait_until { $psql->pump_nb; $node->safe_psql('postgres', q(SELECT count(*) FROM pg_locks WHERE NOT granted)) eq 1 };
	$code->();
	$lock->query_safe('SELECT pg_advisory_unlock(1)');
	$lock->quit;
	my $took = elapsed_of { $psql->finish };
	return ($err, $took);
}

my ($error, $took) = insert_around(sub { $kafka->restart }, '');
is($error, '', 'a broker that is started anew in mid-INSERT');
is( $node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT n) FROM many WHERE n > 200000'),
	'100000|100000', 'each row is there once');

my $before;

# Rows without a key go to some partition, for a while
sub messages_of_many
{
	my $count = 0;

	$count += $_->[1] foreach values %{ $kafka->offsets(name => 'many') };
	return $count;
}

# Some of the messages have come, then
sub kill_in_the_middle
{
	wait_until { messages_of_many() > $before };
	return $kafka->kill;
}

$before = messages_of_many();
($error, $took) = insert_around(\&kill_in_the_middle, q(SET pinterest.request_timeout = '3s';));
like($error, qr/ERROR:  could not write to topic "many": .*did not answer in time/, 'a broker that dies');
like($error, qr/messages had been delivered, and stay/, 'a broker that dies: what stays');
cmp_ok($took, '<', 15, 'a broker that dies: within the time');
$kafka->start;
my ($delivered, $more) = $error =~ /DETAIL: .*?(\d+) messages had been delivered, and stay(?:; (\d+) more may have been)?/s;
my $there = $node->safe_psql('postgres', 'SELECT count(*) FROM many WHERE n > 200000') - 100000;
ok($there >= $delivered && $there <= $delivered + ($more // 0), 'as many are there as it says')
  or diag("$there are there");
is($node->safe_psql('postgres', q(INSERT INTO many VALUES (0, 'again') RETURNING t)), 'again', 'a broker that lives again');

# What errors leave behind: threads and descriptors of the session's process
my $session = open_session($node);
my $pid = $session->ask('SELECT pg_backend_pid()');
sub held { my @held = map { glob "/proc/$pid/$_/*" } qw(task fd); return scalar @held; }
$session->ask(q(
	SET client_min_messages = error;
	CREATE PROCEDURE fail_to_insert(times int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. times LOOP
			BEGIN
				INSERT INTO fields (n) SELECT 1 / (20 - g) FROM generate_series(1, 40) AS g;
				RAISE 'it did not fail';
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
		END LOOP;
	END $$;
	CALL fail_to_insert(5)));
my $held = held();
$session->ask('CALL fail_to_insert(300)');
is($session->error, '', 'failed 300 times in mid-INSERT');
# A handle may go some time after the statement
wait_until { held() <= $held } 'threads and descriptors';
is($session->ask('INSERT INTO fields (n) VALUES (4000) RETURNING n'), '4000', 'threads and descriptors as before, and the next INSERT works');

$kafka->pause;
my $full = q(INSERT INTO many SELECT 0, repeat('x', 1000) FROM generate_series(1, 1000000));
fails($node, "SET statement_timeout = '2s'; $full", { state => '57014', within => 4.5 }, 'cancelled while the queue is full');
fails($node, "SET statement_timeout = '2s'; INSERT INTO many VALUES (0, 'x')", { state => '57014', within => 4.5 }, 'cancelled while the last messages are out');
$kafka->resume;
is($node->safe_psql('postgres', q(SELECT count(*) FROM many WHERE t = 'again')), 1, 'and on');

done_testing();
