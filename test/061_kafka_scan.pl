# Scans of real topics: what a snapshot holds, whatever the topic looks like and
# whatever happens to it meanwhile; what a message may hold; and what a statement
# leaves behind.

use strict;
use warnings;

use lib 'test/lib';
use JsonCases qw(@misfits);
use KafkaTest;
use PinterestTest;
use Test::More;

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('kafka_scan');
my $bootstrap = $kafka->bootstrap;

$node->safe_psql('postgres', qq(
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap')));

# A table of that name over the topic of that name
sub create_table
{
	my ($name, %with) = @_;
	my $topic = $with{topic} // $name;
	my $server = $with{server} // 'kafka';
	my $columns = $with{columns} // 'n bigint, text text';
	my $options = $with{options} ? ", $with{options}" : '';

	$node->safe_psql(
		'postgres', qq(
		CREATE FOREIGN TABLE $name ($columns, partition int OPTIONS (metadata 'partition'),
			"offset" bigint OPTIONS (metadata 'offset'), key bytea OPTIONS (metadata 'key'),
			value bytea OPTIONS (metadata 'value'), headers json OPTIONS (metadata 'headers'),
			error text OPTIONS (metadata 'error'))
		SERVER $server OPTIONS (topic '$topic'$options);));
	return;
}

sub fill { my ($topic, $count, @more) = @_; return $kafka->fill(topic => $topic, count => $count, @more); }

sub is_quick (&$)
{
	my ($code, $name) = @_;
	my $elapsed = elapsed_of { $code->() };

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($elapsed < 5, "$name: no wait at the end") or diag("$elapsed s");
	return;
}

#
# Partitions
#
$kafka->create_topic('ten', 10);
fill('ten', 100, partition => $_) foreach 0, 3, 9;
create_table('ten');
succeeds($node, 'SELECT partition, count(*), sum(n), max("offset") FROM ten GROUP BY 1 ORDER BY 1',
	"0|100|4950|99\n3|100|4950|99\n9|100|4950|99", 'ten partitions, seven of them empty');

$kafka->create_topic('empty', 10);
create_table('empty');
is_quick { succeeds($node, 'SELECT count(*), count(n) FROM empty', '0|0', 'ten empty partitions') } 'empty';

$kafka->add_partitions('empty', 12);
$kafka->produce('empty', [ { value => '{"n":11}', partition => 11 } ]);
succeeds($node, 'SELECT partition, n FROM empty', '11|11', 'a partition added later');

my $session = open_session($node);
is( $session->ask('BEGIN; DECLARE c CURSOR FOR SELECT n FROM ten; FETCH 1 FROM c'),
	'0', 'a cursor');
$kafka->add_partitions('ten', 11);
$kafka->produce('ten', [ map { { value => '{"n":1000}', partition => $_ } } 0, 10 ]);
is($session->ask('SELECT count(*) FROM ten'), '302', 'another scan sees what was added');
is($session->ask("\\set QUIET off\nMOVE ALL FROM c;\n\\set QUIET on\n"), 'MOVE 299', 'a scan that had begun does not');
$session->ask('COMMIT');

# Regular expressions
$kafka->create_topic("many.$_", 2) foreach 1 .. 20;
fill("many.$_", 10) foreach 1 .. 20;
create_table('many', topic => '^many\.', columns => q(n int, topic text OPTIONS (metadata 'topic')));
succeeds($node, 'SELECT count(*), count(DISTINCT topic), sum(n) FROM many', '200|20|900', 'a table of twenty topics');
$kafka->create_topic('many.21');
fill('many.21', 1);
succeeds($node, 'SELECT count(*), count(DISTINCT topic) FROM many', '201|21', 'one more topic');
create_table('none', topic => '^none\.', columns => 'n int');
$node->psql('postgres', 'SELECT count(*) FROM none', stdout => \my $out, stderr => \my $err);
is($out, '0', 'no topic matches');
like($err, qr/NOTICE:  no topic matches "\^none\\\."/, '... and that is told');

#
# Ends
#
$kafka->create_topic('transactions', 2);
create_table('transactions', columns => 'v text');
sub transaction { my ($value, $outcome) = @_; return $kafka->produce('transactions', [ map { { value => "{\"v\":\"$value\"}", partition => $_ } } 0, 1 ], transaction => $outcome)->[-1]; }
transaction('first', 'commit');
transaction('aborted', 'abort');
transaction('second', 'commit');
my $values = q(SELECT string_agg(v, ' ' ORDER BY partition, "offset") FROM transactions);
is_quick { succeeds($node, $values, 'first second first second', 'aborted records are not there') } 'a control record at the end';
transaction('aborted', 'abort');
is_quick { succeeds($node, $values, 'first second first second', 'nor at the end') } 'aborted records at the end';
my $open = transaction('open', 'open');
transaction('behind', 'commit');
is_quick { succeeds($node, $values, 'first second first second', 'an open transaction hides what is behind it') } 'an open transaction';
succeeds($node, 'SELECT count(*) FROM transactions WHERE "offset" >= 6', '0', 'nor is it found by its offset');
$node->safe_psql('postgres', qq(
	CREATE SERVER uncommitted FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap', "isolation.level" 'read_uncommitted')));
create_table('all_transactions', server => 'uncommitted', topic => 'transactions', columns => 'v text');
is_quick
{
	succeeds($node, $values =~ s/FROM transactions/FROM all_transactions/r, join(' ', (qw(first aborted second aborted open behind)) x 2), 'read_uncommitted: aborted and open ones too')
} 'read_uncommitted';
succeeds($node, 'SELECT v FROM all_transactions WHERE partition = 0 AND "offset" >= 8', "open\nbehind", 'read_uncommitted: up to the high watermark');
$kafka->end_transaction(number => $open, outcome => 'commit');
succeeds($node, $values, 'first second open behind first second open behind', 'committed: all are there');

$kafka->create_topic('compacted', 1,
	{ 'cleanup.policy' => 'compact', 'segment.ms' => 100, 'min.cleanable.dirty.ratio' => 0.001, 'max.compaction.lag.ms' => 200 });
create_table('compacted');
fill('compacted', 1000, key => $_ ? 'same' : '%d') foreach 0, 1;
wait_until
{
	fill('compacted', 1, key => 'last');
	@{ $kafka->consume('compacted') } < 1100;
}
'compaction';
my @offsets;
is_quick
{
	@offsets = split /\n/, $node->safe_psql('postgres', 'SELECT "offset" FROM compacted');
} 'compacted';
# The cleaner may have gone on meanwhile
my %left = map { $_ => 1 } @offsets;
cmp_ok(scalar @offsets, '<', 1100, 'a compacted topic has holes');
is(scalar(grep { !$left{ $_->{offset} } } @{ $kafka->consume('compacted') }), 0, 'all that is left was there');
is($left{1998} // 0, 0, 'what was replaced is not');

$kafka->create_topic('gone');
fill('gone', 100);
$kafka->delete_records('gone', { 0 => 70 });
create_table('gone');
succeeds($node, 'SELECT count(*), min("offset"), sum(n) FROM gone', '30|70|2535', 'a beginning above zero');
succeeds($node, 'SELECT count(*) FROM gone WHERE "offset" < 70', '0', 'before it there is nothing');
$kafka->delete_records('gone', { 0 => 100 });
is_quick { succeeds($node, 'SELECT count(*) FROM gone', '0', 'all records deleted') } 'all deleted';

#
# What happens during a scan.  The topics are larger than what is fetched ahead.
#
sub expire
{
	my ($name) = @_;

	$kafka->configure_topic(name => $name, config => { 'retention.ms' => 1 });
	wait_until { $kafka->offsets(name => $name)->{0}->[0] > 140_000 } 'retention';
	return;
}
foreach my $case (
	[ 'deleted_records', sub { $kafka->delete_records($_[0], { 0 => 149_990 }) }, qr/Offsets \d+ to 149989 were deleted/ ],
	[ 'expired', \&expire, qr/records of partition 0 of topic "expired" are gone.*Offsets \d+ to 14\d\d\d\d were deleted after the scan had begun/s ],
	[ 'deleted_topic', sub { $kafka->delete_topic($_[0]) }, qr/topic "deleted_topic".*no such topic/ ],
	[ 'made_anew', sub { $kafka->delete_topic($_[0]); $kafka->create_topic($_[0]); fill($_[0], 10) }, qr/ended at offset 150000 .* ends at offset \d+ now/ ],)
{
	my ($name, $event, $pattern) = @$case;

	# Retention deletes whole segments
	$kafka->create_topic($name, 1, { 'segment.bytes' => 2 << 20 });
	fill($name, 150_000, pad => 1000);
	create_table($name);
	is( $session->ask("BEGIN; SET LOCAL pinterest.request_timeout = '3s'; DECLARE c CURSOR FOR SELECT n FROM $name; FETCH 1 FROM c"),
		'0', "$name: a scan begins");
	$event->($name);
	$session->ask('MOVE ALL FROM c');
	like($session->error, qr/ERROR: /, "$name: an error, and no short result");
	like($session->error, $pattern, "$name: what it is");
	$session->ask('ROLLBACK');
	is($session->ask('SELECT count(*) FROM ten'), '302', "$name: the session goes on");
	$kafka->delete_topic($name) if exists $kafka->topics->{$name};
}
# What has been read may go, and a cursor may rest for longer than an answer may take
$kafka->create_topic('passed');
fill('passed', 150_000, pad => 1000);
create_table('passed');
$session->ask("BEGIN; SET LOCAL pinterest.request_timeout = '1s'; DECLARE c CURSOR FOR SELECT n FROM passed; MOVE 140000 FROM c; SELECT pg_sleep(1.5)");
$kafka->delete_records('passed', { 0 => 139_000 });
is($session->ask("\\set QUIET off\nMOVE ALL FROM c;\n\\set QUIET on\n") . $session->error, 'MOVE 10000', 'deleted behind the scan: it goes on');
$session->ask('COMMIT');
$kafka->delete_topic('passed');

fails($node, 'SELECT * FROM deleted_topic', { state => '42704', like => [qr/deleted_topic/], within => 10 }, 'no such topic');

#
# Messages
#
$kafka->create_topic('codecs', 5);
my $partition = 0;
fill('codecs', 5000, compression => $_, partition => $partition++, pad => 100) foreach qw(none gzip snappy lz4 zstd);
create_table('codecs');
succeeds($node, 'SELECT partition, count(*), sum(n) FROM codecs GROUP BY 1 ORDER BY 1',
	join("\n", map { "$_|5000|12497500" } 0 .. 4), 'none, gzip, snappy, lz4, zstd');

$kafka->create_topic('large', 1, { 'max.message.bytes' => 20_000_000 });
fill('large', 3, pad => 10_000_000);
create_table('large');
succeeds($node, 'SELECT n, length(value) FROM large', join("\n", map { "$_|10000007" } 0 .. 2), 'messages of 10 MB');

$kafka->create_topic('empties');
$kafka->produce('empties', [
	map { my $key = $_; map { { key => $key, value => $_ } } undef, '', '{"n":1}' } undef, '', 'k' ]);
create_table('empties', options => "on_error 'set_null'");
succeeds($node, q(SELECT coalesce(key::text, 'null'), coalesce(value::text, 'null'), n, error IS NOT NULL FROM empties),
	join("\n", map { ("$_|null||f", "$_|\\x||t", "$_|\\x7b226e223a317d|1|f") } 'null', '\x', '\x6b'),
	'NULL, empty and other keys and values');

$kafka->create_topic('bytes');
my $all = join '', map { chr } 0 .. 255;
$kafka->produce('bytes', [
	{ value => $all, key => $all },
	{ value => "{\"n\":1,\"text\":\"a\0b\"}" },
	{ value => "{\"n\":2,\"text\":\"\xff\xfe\"}" },
	{ value => '{"n":3,"text":"a\u0000b"}' },
	{ value => "{\"n\":4,\"text\":\"\xc3\xa4\"}", key => "\xc3\xa4" } ]);
create_table('bytes', options => "on_error 'set_null'");
my $hex = unpack 'H*', $all;
succeeds($node, q(SELECT "offset", n, text, error IS NOT NULL, length(value) FROM bytes),
	"0|||t|256\n1|||t|20\n2|||t|19\n3|||t|25\n4|4|\xc3\xa4|f|19", 'NUL and what is no UTF-8 in values');
succeeds($node, q(SELECT key, value FROM bytes WHERE "offset" = 0), "\\x$hex|\\x$hex", 'all bytes as they came');
$node->safe_psql('postgres', q(
	CREATE FOREIGN TABLE bytes_as_text (key text OPTIONS (metadata 'key'), error text OPTIONS (metadata 'error'))
		SERVER kafka OPTIONS (topic 'bytes')));
fails($node, 'SELECT key FROM bytes_as_text', { state => '22021', like => [qr/UTF8.*partition 0, offset 0/s], within => 10 },
	'a key that is no text');
$node->safe_psql('postgres', q(ALTER FOREIGN TABLE bytes_as_text OPTIONS (ADD on_error 'set_null')));
succeeds($node, 'SELECT key, error IS NOT NULL FROM bytes_as_text',
	"|t\n|t\n|t\n|t\n\xc3\xa4|f", 'a key that is no text: on_error');

$kafka->create_topic('headers');
$kafka->produce('headers', [
	{ value => '{}', headers => [ [ b => '1' ], [ a => '2' ], [ b => undef ], [ b => '' ], [ 'q"' => "\"\\\n" ] ] },
	{ value => '{}', headers => [ [ h => "\xff\0" ] ] },
	{ value => '{}' } ]);
create_table('headers');
succeeds($node, 'SELECT headers FROM headers',
	'[{"key": "b", "value": "1"}, {"key": "a", "value": "2"}, {"key": "b", "value": null}, {"key": "b", "value": ""}, {"key": "q\"", "value": "\"\\\\\n"}]'
	. "\n" . '[{"key": "h", "base64": "/wA="}]' . "\n", 'headers: order, names again, no value, bytes');

# What goes wrong in real data
$kafka->create_topic('bad');
$kafka->produce('bad', [ map { { value => $_ } } @misfits ]);
create_table('bad', columns => 'index int, category text', options => "on_error 'set_null'");
create_table('bad_stops', topic => 'bad', columns => 'index int');
create_table('bad_ignored', topic => 'bad', columns => 'index int', options => "on_error 'ignore'");
is( $node->safe_psql('postgres', q(SELECT string_agg("offset" || ':' || index, ' '), count(*) FROM bad WHERE error IS NULL)),
	'0:1 1:2 4:5 6:7 15:16 18:20|7', 'what goes wrong in real data: six records are read, one lacks the key');
is( $node->safe_psql('postgres', q(SELECT count(*), count(index), count(value) FROM bad WHERE error IS NOT NULL)),
	'13|0|13', 'what goes wrong in real data: the others are rows of NULLs with their bytes');
succeeds($node, 'SELECT count(*), count(index) FROM bad_ignored', '7|6', 'what goes wrong in real data: they are left out');
fails($node, 'SELECT index FROM bad_stops', { state => '.*', like => [ qr/topic "bad", partition 0, offset 2/ ] }, 'a bad record stops the scan');

#
# Plans
#
succeeds($node, 'SELECT p, (SELECT count(*) FROM ten WHERE partition = p) FROM generate_series(0, 4) p',
	"0|101\n1|0\n2|0\n3|100\n4|0", 'a correlated sub-query');
succeeds($node, 'SELECT p, o, n FROM (VALUES (0, 5), (3, 99), (4, 0), (9, 7)) w (p, o),
		LATERAL (SELECT n FROM ten WHERE partition = p AND "offset" = o) s ORDER BY 1',
	"0|5|5\n3|99|99\n9|7|7", 'LATERAL');
$kafka->create_topic('grows');
fill('grows', 10);
create_table('grows');
is($session->ask('BEGIN; DECLARE c CURSOR FOR SELECT g, (SELECT count(*) FROM grows WHERE partition = g * 0) FROM generate_series(1, 3) AS g; FETCH 1 FROM c'),
	'1|10', 'a sub-query that is read again');
fill('grows', 5);
is($session->ask('FETCH ALL FROM c; COMMIT; SELECT count(*) FROM grows'), "2|10\n3|10\n15", 'it reads what there was at first');
foreach my $join (qw(nestloop hashjoin mergejoin))
{
	my $off = join ' ', map { "SET enable_$_ = off;" } grep { $_ ne $join } qw(nestloop hashjoin mergejoin material);
	succeeds($node, "$off SELECT count(*), sum(a.n) FROM ten a JOIN ten b USING (partition, \"offset\") WHERE a.n < 20",
		'60|570', "joined with itself: $join");
}
succeeds($node, 'SELECT count(*) FROM ten a, (SELECT 1 FROM many LIMIT 1) b, gone c', '0', 'an empty side');
succeeds($node, 'SELECT n FROM ten WHERE partition = 3 LIMIT 3', "0\n1\n2", 'LIMIT');
succeeds($node, 'SELECT count(*) FROM (SELECT * FROM ten LIMIT 10) a UNION ALL SELECT count(*) FROM ten', "10\n302", 'LIMIT, and all after it');

foreach my $mode (qw(force_generic_plan force_custom_plan))
{
	succeeds($node, "SET plan_cache_mode = $mode; PREPARE p (int, bigint) AS SELECT count(*), min(n) FROM ten WHERE partition = \$1 AND \"offset\" >= \$2;"
		. ' EXECUTE p (0, 90); EXECUTE p (3, 10); EXECUTE p (1, 0); EXECUTE p (NULL, 0); EXECUTE p (9, 99)',
		"11|90\n90|10\n0|\n0|\n1|99", "a prepared statement: $mode");
}

#
# Tables that change
#
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE ten DROP COLUMN text, DROP COLUMN headers');
succeeds($node, 'SELECT * FROM ten WHERE partition = 9 AND "offset" = 7', "7|9|7||\\x7b226e223a377d|", 'columns dropped');
$node->safe_psql('postgres', q(ALTER FOREIGN TABLE ten ADD COLUMN m text OPTIONS (field 'n'), ADD COLUMN at timestamptz OPTIONS (metadata 'timestamp')));
succeeds($node, 'SELECT m, at > now() - interval \'1 hour\', n FROM ten WHERE partition = 9 AND "offset" = 7', '7|t|7', 'columns added');

#
# Cursors
#
is($session->ask(join('; ', 'BEGIN', map { ("DECLARE c$_ CURSOR FOR SELECT n FROM ten WHERE partition = 3", "MOVE $_ FROM c$_") } 1 .. 12)), '', 'twelve cursors');
is($session->ask(join('; ', map { "FETCH 1 FROM c$_" } 1 .. 12)), join("\n", 1 .. 12), 'each is where it was');
is($session->ask('COMMIT; SELECT count(*) FROM ten'), '302', 'left open at the end of the transaction');
is($session->ask('BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT n FROM ten WHERE partition = 9; FETCH 1 FROM h; COMMIT; FETCH 1 FROM h; CLOSE h'), "0\n1", 'WITH HOLD');
is($session->ask('BEGIN; DECLARE c CURSOR FOR SELECT n FROM ten; SAVEPOINT s; FETCH 1 FROM c; SELECT 1/0'), '0', 'a failing statement beside a cursor');
like($session->error, qr/division by zero/, 'it fails');
is($session->ask('ROLLBACK TO s; FETCH 1 FROM c; COMMIT'), '1', 'the cursor goes on');
$session->ask('BEGIN; DECLARE c CURSOR FOR SELECT n FROM codecs; FETCH 1 FROM c');

#
# What is left behind: threads and descriptors of the session's process
#
my $pid = $session->ask('COMMIT; SELECT pg_backend_pid()');
sub threads { my @tasks = glob "/proc/$pid/task/*"; return scalar @tasks; }
sub descriptors { my @fds = glob "/proc/$pid/fd/*"; return scalar @fds; }
$session->ask(q(
	CREATE PROCEDURE repeat_failing(statement text, times int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. times LOOP
			BEGIN
				EXECUTE statement;
				RAISE 'it did not fail';
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
		END LOOP;
	END $$));
$session->ask(q(CALL repeat_failing('SELECT sum(1 / (n - 50)) FROM ten', 20)));
my ($threads, $descriptors) = (threads(), descriptors());
$session->ask(q(CALL repeat_failing('SELECT sum(1 / (n - 50)) FROM ten', 1000)));
is($session->error, '', 'failed 1,000 times in mid-scan');
# A handle may go some time after the statement
wait_until { threads() <= $threads } 'threads';
cmp_ok(threads(), '<=', $threads, 'as many threads as before');
cmp_ok(descriptors(), '<=', $descriptors, 'as many descriptors as before');
is($session->ask('SELECT count(*) FROM ten'), '302', 'and the next scan is right');

#
# A million
#
$kafka->create_topic('million', 4);
# More than the queue of a scan holds
fill('million', 1_000_000, pad => 90);
create_table('million');
succeeds($node, 'SELECT count(*), sum("offset") < 1000000::numeric * 1000000 FROM million', '1000000|t', 'a million messages');
succeeds($node, 'SELECT count(*), sum(n), count(DISTINCT n) FROM million', '1000000|499999500000|1000000', 'each of them once');
succeeds($node, 'SELECT count(md5(repeat(md5(n::text), 4))) FROM million', '1000000', 'a slow consumer');

done_testing();
