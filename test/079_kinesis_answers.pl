# Answers of Kinesis that break off while their records are being read, streams of
# other accounts, and every bad record that real data knows.

use strict;
use warnings;

use lib 'test/lib';
use JsonCases qw(@misfits);
use PinterestTest;
use KinesisTest;
use IPC::Run ();
use Math::BigInt;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('kinesis_answers');
my $kinesis = start_kinesis_fault_server();
my $all_keys = [ 0, Math::BigInt->new(2)->bpow(128)->bdec->bstr ];
my $first = 'shardId-000000000000';
my $second = 'shardId-000000000001';
my $number = 0;

create_kinesis_server($node, 'kinesis', $kinesis->endpoint);
$kinesis->set(keys => { AKIDTEST => [ 'secretkeytest123', undef ] });
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.kinesis_pacing = off');

# Replaces the table t, on a stream of these shards
sub stream
{
	my ($shards, %with) = @_;
	my $name = sprintf('s-%d', ++$number);
	my $account = $with{account} // '123456789012';
	my $options = delete $with{options} // '';
	my $called = delete $with{called} // $name;

	$kinesis->clear;
	$kinesis->stream(name => $name, shards => $shards, %with);
	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, k text, shard text OPTIONS (metadata 'shard_id'),
			seq numeric OPTIONS (metadata 'sequence_number'), sub int OPTIONS (metadata 'sub_sequence_number'),
			key text OPTIONS (metadata 'partition_key'), raw bytea OPTIONS (metadata 'data'),
			error text OPTIONS (metadata 'error'))
		SERVER kinesis OPTIONS (stream '$called'$options);));
	$kinesis->counters;
	return $name;
}

sub shard
{
	my ($id, $from, $to, %with) = @_;
	my $filling = $with{filling} ? qq(,"k":"$with{filling}") : '';

	return { id => $id, range => $all_keys, records => [ map { { data => qq({"n":$_$filling}) } } $from .. $to ], %with };
}

# A parent and its child, whose answers are larger than what is read at a time
my $many = 20_000;
my %large = (batch => $many, filling => 'x' x 500);
my @family = (shard($first, 1, $many, closed => JSON::PP::true, %large),
	shard($second, $many + 1, 2 * $many, parents => [$first], %large));
my $whole = 'SELECT count(*), count(DISTINCT n), bool_and(n = place) FROM (SELECT n, row_number() OVER () AS place FROM t) s';
my $expected = join('|', 2 * $many, 2 * $many, 't');

# --- answers that break off

stream(\@family);
succeeds($node, $whole, $expected, 'answers of megabytes, in order');
foreach my $how (qw(half reset))
{
	stream(\@family);
	$kinesis->fault(op => 'GetRecords', fault => $how, times => 3, shard => $_) foreach $first, $second;
	succeeds($node, $whole, $expected, "$how: nothing is lost or doubled, or out of order");

	# what a reset takes with it may be all that came
	my $counters = $kinesis->counters;
	cmp_ok($counters->{GetShardIterator}, '>', $how eq 'half' ? 7 : 2, "$how: it went on where it was");

	# behind an answer with all records, which is a full one, there might be more
	like($counters->{GetRecords}, qr/^[89]$/, "$how: once for each time");
}
stream(\@family);
$kinesis->fault(op => 'GetRecords', fault => 'half');
fails(
	$node,
	"SET pinterest.max_retries = 2; $whole",
	{ state => '08006', like => [qr/could not read "$first of stream s-$number"/] },
	'answers that always break off are an error, never a short result');
stream(\@family);
$kinesis->fault(op => 'GetRecords', fault => 'hang_half', times => 1, shard => $second);
succeeds($node, "SET pinterest.request_timeout = 2000; $whole", $expected, 'an answer that stops coming is given up, and continued');
$kinesis->fault(op => 'GetRecords', fault => 'hang_half', shard => $second);
fails($node, "SET statement_timeout = 1000; $whole", { state => '57014', within => 5 }, 'cancelled within an answer');
stream([ shard($first, 1, $many, %large) ]);
$kinesis->fault(op => 'GetRecords', fault => 'half', times => 1);
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'ExpiredIteratorException', times => 1);
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 500, type => 'InternalFailure', times => 2);
succeeds($node, 'SELECT count(*), count(DISTINCT n) FROM t', "$many|$many", 'one thing after the other');
stream([ shard($first, 1, $many, batch => $many) ]);
$kinesis->fault(op => 'GetRecords', fault => 'tail', bytes => '}');
fails($node, $whole, { state => 'HV000', like => [qr/the service's answer is not valid for GetRecords/] }, 'something behind the end of an answer');

# Who reads slowly may find the connection closed
my ($in, $out, $err) = ('', '', '');
my $session = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
stream(\@family);
$in = "BEGIN; DECLARE c CURSOR FOR SELECT n FROM t; FETCH 2 FROM c;\n\\echo fetched\n";
$session->pump until $out =~ /fetched/ || $err;
$kinesis->cut;
sleep(1.2);
$in .= "MOVE FORWARD 19990 FROM c; FETCH 20 FROM c; MOVE FORWARD 19987 FROM c; FETCH 2 FROM c;\n\\q\n";
$session->finish;
is($err, '', 'a cursor whose connection is cut meanwhile');
is($out, join("\n", 1, 2, 'fetched', 19_993 .. 20_012, 40_000, ''), 'and its rows');
cmp_ok($kinesis->counters->{GetRecords}, '>', 2, 'which were asked for again');

# --- WHERE, within an answer

stream(\@family);
succeeds($node, "SELECT n FROM t WHERE shard = '$first' AND seq IN (1000, 9000, 20999) ORDER BY 1", "1\n8001\n20000", 'places within an answer');
stream(\@family);
succeeds($node, "SELECT count(*), max(n) FROM t WHERE shard = '$second' AND seq <= 1099", '100|20100', 'the beginning of an answer');
is($kinesis->counters->{GetRecords}, 1, 'the rest of it is not waited for');

# --- large records among small ones

my @mixed = map { my $n = $_; { data => qq({"n":$n,"k":") . 'x' x ($n % 7 == 0 ? 600_000 : $n % 3 == 0 ? 90_000 : 10) . '"}' } } 1 .. 60;
stream([ shard($first, 0, -1, records => \@mixed, batch => 60) ]);
succeeds(
	$node,
	'SELECT count(*), sum(n), sum(length(k)), bool_and(n = place) FROM (SELECT n, k, row_number() OVER () AS place FROM t) s',
	join('|', 60, 60 * 61 / 2, 8 * 600_000 + 18 * 90_000 + 34 * 10, 't'),
	'records of all sizes in one answer');

# --- encodings

my $minute_ago = int(time) - 60;
foreach my $how ('as AWS', 'text', 'pieces', 'none')
{
	my @records = (
		{ data => '{"n":1}', key => "\"k\x{e9}y\\", at => 1000 * $minute_ago + 123 },
		{ data => 'no JSON', at => 1000 * $minute_ago },
		{ base64 => '/w==', at => 1000 * $minute_ago },
		{ base64 => 'no base64', at => 1000 * $minute_ago });
	my $milliseconds = $how eq 'text' ? '000' : '123';

	my $name = stream([ shard($first, 1, 0, records => \@records) ], options => ", on_error 'set_null'");
	$kinesis->set(cbor => $how);
	$node->safe_psql('postgres', q(ALTER FOREIGN TABLE t ADD at timestamptz OPTIONS (metadata 'arrival_timestamp')));
	succeeds(
		$node,
		q(SELECT n, key = e'"k\u00e9y\\\\', encode(raw, 'escape'), extract(epoch FROM at), error IS NULL FROM t),
		join("\n", "1|t|{\"n\":1}|$minute_ago.${milliseconds}000|t",
			map { "|f|$_|$minute_ago.000000|f" } 'no JSON', '\\377', 'no base64'),
		"answers in CBOR: $how");
	is($kinesis->counters->{cbor}, 1, "$how: asked for once");
	$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'AccessDeniedException', message => 'so it is');
	fails($node, 'SELECT n FROM t', { state => '42501', like => [ qr/could not read "$first of stream $name"/, qr/so it is/ ] }, "$how: an error");
}
$kinesis->set(cbor => 'as AWS');

# --- what a user sees of it

stream([ shard($first, 1, 6, closed => JSON::PP::true, batch => 3), shard($second, 7, 8, parents => [$first]) ]);
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'ProvisionedThroughputExceededException', times => 1, after => 1);
$kinesis->fault(op => 'ListShards', fault => 'error', status => 500, type => 'InternalFailure', times => 1);
like(
	$node->safe_psql('postgres', "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT n FROM t WHERE shard <> 'shardId-000000000009'"),
	qr/Stream: s-$number\n  Pushed Down: .*\n  Decoded Fields: n\n  Records: 8\n  Rejected: 0\n  Shards: 2\n  Shards Filtered: 0\n  User Records Outside Shard: 0\n  Bytes: 56\n  Control Requests: [45]\n  Get Requests: 4\n  Throttled: 1\n  Retries: 1\b/,
	'EXPLAIN ANALYZE tells of shards, requests by kind, refusals and retries');
stream([ shard($first, 1, 20, batch => 1) ]);
my $paced = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', "SET pinterest.kinesis_pacing = on; SET statement_timeout = '60s'; SELECT count(*) FROM t" ],
	'>', \my $counted, IPC::Run::timeout(90));
ok( $node->poll_query_until('postgres',
		q(SELECT count(*) = 1 FROM pinterest.scan_progress WHERE waiting_for = 'pace' AND bodies = 1 AND bodies_total = 1 AND records > 0 AND bytes > 0)),
	'scan_progress tells that a shard rests');
$paced->finish;
is($counted, "20\n", 'and it goes on');

# --- streams of other accounts

stream([ shard($first, 1, 3, closed => JSON::PP::true), shard($second, 4, 6, parents => [$first]) ],
	account => '999999999999', page => 1);
fails($node, 'SELECT * FROM t', { state => '42704', like => [qr/ResourceNotFoundException/] }, 'by name it is not known');
stream([ shard($first, 1, 3, closed => JSON::PP::true), shard($second, 4, 6, parents => [$first]) ],
	account => '999999999999', page => 1,
	called => 'arn:aws:kinesis:us-east-1:999999999999:stream/s-' . ($number + 1));
succeeds($node, 'SELECT array_agg(n), min(shard) FROM t', "{1,2,3,4,5,6}|$first", 'by its ARN it is, page by page');

# --- what goes wrong in real data

my @bad = (@misfits, "{\"index\":22,\"category\":\"a\0b\"}", "{\"index\":23,\"category\":\"\xff\"}");
stream([ shard($first, 0, -1, records => [ map { { base64 => base64($_) } } @bad ]) ]);
foreach my $kind (qw(stop set_null ignore))
{
	$node->safe_psql('postgres', qq(CREATE FOREIGN TABLE bad_$kind (index int, category text, seq numeric OPTIONS (metadata 'sequence_number'),
		raw bytea OPTIONS (metadata 'data'), error text OPTIONS (metadata 'error'))
		SERVER kinesis OPTIONS (stream 's-$number', on_error '$kind')));
}
succeeds($node, q(SELECT string_agg(seq - 1000 || ':' || index, ' ' ORDER BY seq), count(*) FROM bad_set_null WHERE error IS NULL),
	'0:1 1:2 4:5 6:7 15:16 18:20|7', 'six records are read, one lacks the key');
is($node->safe_psql('postgres', q(SELECT encode(raw, 'base64') FROM bad_set_null WHERE error IS NOT NULL AND index IS NULL ORDER BY seq)),
	join("\n", map { base64($bad[$_]) } 2, 3, 5, 7, 9 .. 14, 16, 17, 19 .. 21), 'the others are rows of NULLs with their bytes');
succeeds($node, 'SELECT count(*), count(index) FROM bad_ignore', '7|6', 'or are left out');
fails($node, 'SELECT index FROM bad_stop', { state => '22P02', like => [qr/sequence number 1002/] }, 'or stop the scan');

# The same records put together: what is bad is one of them, not the aggregate
stream([ shard($first, 0, -1, records => [ { base64 => base64(kpl_aggregate(map { [ k => $_ ] } @bad)) } ]) ], options => ", on_error 'set_null'");
succeeds($node, 'SELECT count(*), count(error), min(sub), max(sub) FROM t', '22|14|0|21', 'bad records in an aggregate');
my $inner = kpl_aggregate([ a => '{"n":1}' ], [ b => '{"n":2}' ]);
stream([ shard($first, 0, -1, records => [ { base64 => base64(kpl_aggregate([ c => $inner ], [ d => '{"n":3}' ])) } ]) ], options => ", on_error 'set_null'");
succeeds($node, q(SELECT n, sub, key, encode(raw, 'hex') FROM t ORDER BY sub),
	'|0|c|' . unpack('H*', $inner) . "\n3|1|d|" . unpack('H*', '{"n":3}'), 'an aggregate in an aggregate is a bad record');

$node->stop;
done_testing();
