# What Kinesis does on bad days, on a scripted server: every answer that is not
# the whole truth, refusals, expiries, lost records, hostile answers.  Signatures
# are checked there.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use KinesisTest;
use Math::BigInt;
use PostgreSQL::Test::Utils;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time sleep);

my $node = new_node('kinesis_faults');
my $kinesis = start_kinesis_fault_server();
my $parent = 'shardId-000000000000';
my $one_shard = [ 0, Math::BigInt->new(2)->bpow(128)->bdec->bstr ];
my $middle = Math::BigInt->new(2)->bpow(127);
my @halves = ([ 0, $middle->copy->bdec->bstr ], [ $middle->bstr, $one_shard->[1] ]);
my $number = 0;

create_kinesis_server($node, 'kinesis', $kinesis->endpoint);
$kinesis->set(keys => { AKIDTEST => [ 'secretkeytest123', undef ] });

# Replaces the table t, on a stream of these shards
sub stream
{
	my ($what, $options) = @_;
	my $name = sprintf('s-%d', ++$number);

	$options //= '';
	$kinesis->clear;
	$kinesis->stream(name => $name, %$what);
	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, k text, shard text OPTIONS (metadata 'shard_id'),
			seq numeric OPTIONS (metadata 'sequence_number'), sub int OPTIONS (metadata 'sub_sequence_number'),
			key text OPTIONS (metadata 'partition_key'), at timestamptz OPTIONS (metadata 'arrival_timestamp'),
			hash numeric OPTIONS (metadata 'explicit_hash_key'), raw bytea OPTIONS (metadata 'data'), error text OPTIONS (metadata 'error'))
		SERVER kinesis OPTIONS (stream '$name'$options);));
	$kinesis->counters;
	return $name;
}

sub shard
{
	my ($id, $from, $to, %with) = @_;

	return { id => $id, range => $one_shard, records => [ map { { data => qq({"n":$_}) } } $from .. $to ], %with };
}

# One shard that is split, one answer for each record
sub family
{
	my (%with) = @_;

	return {
		shards => [
			shard($parent, 1, 3, closed => JSON::PP::true, batch => 1),
			shard('shardId-000000000001', 4, 6, parents => [$parent], range => $halves[0], batch => 1),
			shard('shardId-000000000002', 7, 9, parents => [$parent], range => $halves[1], batch => 1)
		],
		%with
	};
}

my $all = 'SELECT count(*), sum(n) FROM t';
my $unpaced = 'SET pinterest.kinesis_pacing = off; ';

# --- where a shard ends

stream(
	{
		shards => [
			shard($parent, 1, 3, closed => JSON::PP::true, batch => 2, empty => { 0 => 3, 2 => 30, 3 => 2 }),
			shard('shardId-000000000001', 4, 6, parents => [$parent], batch => 2, empty => { 0 => 20, 2 => 1, 3 => 4 })
		]
	});
succeeds($node, "$unpaced SELECT array_agg(n) FROM t", '{1,2,3,4,5,6}', 'empty answers end nothing');
is_deeply([ @{ $kinesis->counters }{qw(ListShards GetShardIterator)} ], [ 1, 2 ], 'no request more than it takes');

stream(family());
succeeds($node, "$unpaced SELECT array_agg(n) FROM t WHERE n <= 3", '{1,2,3}', 'a parent in its order');
succeeds($node, "$unpaced SELECT bool_and(n <= 3) FROM (SELECT n FROM t LIMIT 3) s", 't', 'and before its children');

# What arrives while it is read belongs to it up to some seconds after the start
stream({ shards => [ shard($parent, 1, 10, batch => 1, behind => 5000) ] });
my $later = int((time + 3600) * 1000);
my $stream = "s-$number";
$kinesis->add(name => $stream, shard => $parent, records => [ map { { data => qq({"n":$_}), at => $later } } 11 .. 20 ]);
succeeds($node, "$unpaced $all", '10|55', 'the end by time, where nothing says that nothing is behind');

# as ferrokinesis does
stream({ shards => [ shard($parent, 1, 25_000, behind => 0) ] });
succeeds($node, "$unpaced SELECT count(*), max(n) FROM t", '25000|25000', 'nothing is behind, says the server after each answer, and something is');

stream({ shards => [ shard($parent, 1, 10, behind => 5000) ] });
fails(
	$node,
	'SET pinterest.shard_timeout = 700; ' . $all,
	{ state => '08006', like => [ qr/returned no records for too long/, qr/pinterest\.shard_timeout/ ] },
	'a shard that never ends is an error, not a short result');

stream({ shards => [] });
succeeds($node, $all, '0|', 'no shards at all');
stream(
	{ shards => [ shard($parent, 1, 2, closed => JSON::PP::true), shard('shardId-000000000001', 3, 3, closed => JSON::PP::true, parents => [$parent]) ] });
succeeds($node, $all, '3|6', 'no open shard');

# --- many shards

stream({ page => 100, shards => [ map { thousandth($_) } 0 .. 999 ] });
succeeds($node, $all, '1000|' . (1000 * 1001 / 2), 'a thousand shards in ten pages');
my $counters = $kinesis->counters;
is($counters->{ListShards}, 10, 'all pages were asked for');
cmp_ok($counters->{most}, '>', 10, 'many shards at once');
cmp_ok($counters->{most}, '<=', 64, 'but not more than pinterest.kinesis_connections');

sub thousandth
{
	my ($n) = @_;
	my $width = Math::BigInt->new(2)->bpow(128)->bdiv(1000);
	my $first = $width->copy->bmul($n);
	my $last = $n == 999 ? $one_shard->[1] : $width->copy->bmul($n + 1)->bdec->bstr;

	return shard(sprintf('shardId-%012d', $n), $n + 1, $n + 1, range => [ $first->bstr, $last ]);
}

# --- listings that make no sense

stream({ shards => [ shard($parent, 1, 1, range => $halves[0]) ] });
$stream = "s-$number";
my $healing = IPC::Run::start(
	[
		'perl', '-MHTTP::Tiny', '-e',
		'sleep 2; HTTP::Tiny->new->post($ARGV[0], { content => $ARGV[1] })',
		$kinesis->endpoint . '/-/stream',
		JSON::PP::encode_json({ name => $stream, shards => [ shard($parent, 1, 1) ] })
	]);
succeeds($node, $all, '1|1', 'a listing in which hash keys are missing is taken again');
$healing->finish;
stream(
	{
		shards =>
		  [ shard($parent, 1, 1, closed => JSON::PP::true, parents => ['shardId-000000000001']), shard('shardId-000000000001', 1, 1, parents => [$parent]) ]
	});
fails($node, $all, { state => 'HV000', like => [qr/not valid for ListShards/] }, 'shards that wait for each other');
stream({ status => 'CREATING', shards => [] });
fails($node, $all, { state => '55000', like => [qr/still being created/] }, 'a stream that is being created');

# --- the pace

stream({ shards => [ shard($parent, 1, 6, batch => 1) ] });
succeeds($node, $all, '6|21', 'one record an answer');
my @asked = @{ $kinesis->counters->{shards}{$parent} };
cmp_ok($asked[-1] - $asked[0], '>', 0.9, 'a shard is asked five times a second at most');

# --- refusals

stream(family());
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'ProvisionedThroughputExceededException',
	message => 'Rate exceeded for shard', times => 2, after => 1);
succeeds($node, "$unpaced $all", '9|45', 'throttled shards are asked again');
stream(family());
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'ProvisionedThroughputExceededException', message => 'Rate exceeded');
fails(
	$node,
	'SET pinterest.shard_timeout = 1500; ' . $all,
	{ state => '08006', like => [ qr/returned no records for too long/, qr/refused to give more/ ] },
	'throttled for ever');
foreach my $fault (
	[ 'LimitExceededException' => 'ListShards' ],
	[ 'InternalFailureException' => 'GetRecords', 500 ],
	[ 'KMSThrottlingException' => 'GetRecords' ],
	[ 'ThrottlingException' => 'DescribeStreamSummary' ],
	[ 'ServiceUnavailable' => 'GetShardIterator', 503 ])
{
	stream(family());
	$kinesis->fault(op => $fault->[1], fault => 'error', status => $fault->[2] // 400, type => $fault->[0], times => 2);
	succeeds($node, "$unpaced $all", '9|45', "$fault->[0] is asked again");
}
foreach my $kind (qw(close half))
{
	stream(family());
	$kinesis->fault(op => 'GetRecords', fault => $kind, times => 2, after => 1);
	succeeds($node, "$unpaced $all", '9|45', "connection: $kind");
}

# --- iterators

stream(family());
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'ExpiredIteratorException', times => 1, shard => $parent);
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'ExpiredIteratorException', times => 1, after => 2, shard => 'shardId-000000000001');
succeeds($node, "$unpaced SELECT array_agg(n ORDER BY n), count(*) FROM t", '{1,2,3,4,5,6,7,8,9}|9',
	'expired iterators are renewed where they were');
stream(family());
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'ExpiredIteratorException');
fails($node, "$unpaced SET pinterest.shard_timeout = 300; $all", { state => '08006', like => [qr/too long/] }, 'iterators that always expire');

# --- lost records

sub read_in_two
{
	my ($between) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $session = IPC::Run::start(
		[ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));

	$in = "SET pinterest.kinesis_connections = 1; BEGIN; DECLARE c CURSOR FOR SELECT n FROM t; FETCH 1 FROM c; \\echo fetched\n";
	$session->pump until $out =~ /fetched/ || $err;
	$between->();
	$in .= "FETCH ALL FROM c;\n\\q\n";
	$session->finish;
	return ($out, $err);
}

my ($out, $err);
$stream = stream({ retention => 24, shards => [ shard($parent, 1, 9, batch => 1) ] });
($out, $err) = read_in_two(sub { $kinesis->set(clock => 24 * 3600 + 7200) });
$kinesis->set(clock => 0);
like($err, qr/ERROR:  40001: records of shard \S+ of stream $stream may have been removed before they were read/,
	'the trim horizon has overtaken the scan');
like($err, qr/DETAIL: .*keeps records for 24 hours\. Those behind sequence number \d+, which arrived from \d{4}-.* to \d{4}-/, 'the range is named');

$stream = stream({ shards => [ shard($parent, 1, 9, batch => 1) ] });
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'ExpiredIteratorException', times => 1, after => 3);
($out, $err) = read_in_two(sub { $kinesis->trim(name => $stream, shard => $parent, to => 8) });
like($err, qr/40001: could not go on reading shard|^$/m, 'a place that is no more');

$stream = stream({ shards => [ shard($parent, 1, 9, batch => 1) ] });
($out, $err) = read_in_two(sub { $kinesis->delete(name => $stream) });
like($err, qr/42704: could not read .*ResourceNotFoundException/, 'a stream that is deleted while it is read');
$stream = stream({ shards => [ shard($parent, 1, 9, batch => 1) ] });
($out, $err) = read_in_two(
	sub { sleep(1.1); $kinesis->stream(name => $stream, created => 1800000000000, shards => [ shard($parent, 21, 29) ]) });
like($err, qr/42704: could not read|40001: stream \S+ was deleted and created anew/, 'one that is deleted and made anew');
unlike($out, qr/2\d/, 'nothing of the new one is shown');

# --- who asks

stream(family());
$kinesis->set(clock => 4000);
succeeds($node, "$unpaced $all", '9|45', 'clocks that differ by more than an hour');
$kinesis->set(clock => -4000);
stream(family());
succeeds($node, "$unpaced $all", '9|45', 'in the other direction');
$kinesis->set(clock => 0);
stream(family());
$kinesis->set(expired => ['AKIDTEST']);
fails($node, $all, { state => '28000', like => [ qr/ExpiredTokenException/, qr/HINT: .*credentials/ ] }, 'keys that have ended');
$kinesis->set(expired => []);
$kinesis->set(keys => { AKIDTEST => [ 'another', undef ] });
fails($node, $all, { state => '28000', like => [qr/InvalidSignatureException/] }, 'a wrong secret');
$kinesis->set(keys => { ANOTHER => [ 'another', undef ] });
fails($node, $all, { state => '28000', like => [qr/UnrecognizedClientException/] }, 'an unknown key');
$kinesis->set(keys => { AKIDTEST => [ 'secretkeytest123', 'TOKEN/with+signs==' ] });
fails($node, $all, { state => '28000', like => [qr/UnrecognizedClientException/] }, 'a missing session token');
$node->safe_psql('postgres', q(ALTER USER MAPPING FOR CURRENT_USER SERVER kinesis OPTIONS (ADD session_token 'TOKEN/with+signs==')));
succeeds($node, "$unpaced $all", '9|45', 'a session token is signed');
$node->safe_psql('postgres', q(ALTER USER MAPPING FOR CURRENT_USER SERVER kinesis OPTIONS (DROP session_token)));
$kinesis->set(keys => { AKIDTEST => [ 'secretkeytest123', undef ] });
$node->safe_psql('postgres', q(ALTER SERVER kinesis OPTIONS (SET region 'eu-west-1')));
fails($node, $all, { state => '28000', like => [qr/scoped to a valid region/] }, 'another region');
$node->safe_psql('postgres', q(ALTER SERVER kinesis OPTIONS (SET region 'us-east-1')));
$kinesis->fault(op => 'ListShards', fault => 'error', status => 400, type => 'AccessDeniedException', message => 'User is not authorized to perform: kinesis:ListShards', times => 1);
fails($node, $all, { state => '42501', like => [ qr/AccessDeniedException/, qr/kinesis:GetRecords/ ] }, 'no permission');
$kinesis->fault(op => 'any', fault => 'xml', type => 'InvalidClientTokenId', times => 1);
fails($node, $all, { state => '28000', like => [ qr/InvalidClientTokenId/, qr/HINT: .*access_key_id/ ] }, 'an error of the front end, in XML');
$kinesis->fault(op => 'GetRecords', fault => 'error', status => 400, type => 'KMSDisabledException', times => 1);
fails($node, $all, { state => '55000', like => [qr/KMSDisabledException/] }, 'an encryption key that is disabled');

# --- answers that are none

stream(family());
foreach my $op (qw(DescribeStreamSummary ListShards GetShardIterator GetRecords))
{
	$kinesis->fault(op => $op, fault => $_, times => 1) foreach 'garbage';
	fails($node, $all, { state => 'HV000', like => [qr/the service's answer is not valid for $op/] }, "garbage for $op");
	$kinesis->clear;
	$kinesis->fault(op => $op, fault => 'html', times => 1);
	fails($node, $all, { state => 'HV000', like => [qr/the service's answer is not valid for $op/] }, "a web page for $op");
	$kinesis->clear;
}
$kinesis->fault(op => 'any', fault => 'no_date');
succeeds($node, "$unpaced $all", '9|45', 'a service that does not tell the time');
$kinesis->clear;

# --- cancelling

foreach my $wait (
	[ DescribeStreamSummary => 'hang' ],
	[ ListShards => 'hang' ],
	[ GetShardIterator => 'hang' ],
	[ GetRecords => 'hang' ],
	[ GetRecords => 'hang_body' ],
	[ GetRecords => 'error', status => 400, type => 'ProvisionedThroughputExceededException' ])
{
	my ($op, $fault, %with) = @$wait;

	stream(family());
	$kinesis->fault(op => $op, fault => $fault, %with);
	fails($node, "SET statement_timeout = 500; $all", { state => '57014', within => 5 }, "cancelled: $op, $fault");
}
stream({ shards => [ shard($parent, 1, 1, behind => 5000) ] });
fails($node, "SET statement_timeout = 500; $all", { state => '57014', within => 5 }, 'cancelled: while it keeps the pace');

# --- records that hold others

my $aggregate = kpl_aggregate([ a => '{"n":1}' ], [ b => '{"n":2}' ], [ a => '{"n":3}', 12345 ]);
my $plain = sub { return { data => $_[0] } };
my $bytes = sub { return { base64 => base64($_[0]), key => $_[1] // 'outer' } };

# Published by aws-kinesis-agg, and in the format's documentation
my $published = pack('H*',
	'f3899ac20a03706b300a03706b31120531323334351a0d08001a097061796c6f61642d301a0d08011a097061796c6f61642d311a0d08001a09706179'
	  . '6c6f61642d321a0d08011a097061796c6f61642d331a0f080010001a097061796c6f61642d34fa2522fce14872177579b66f5de117ad');

stream({ shards => [ shard($parent, 0, -1, records => [ $plain->('{"n":0}'), $bytes->($aggregate), $plain->('{"n":4}') ]) ] });
succeeds($node, 'SELECT n, seq, sub, key FROM t', "0|1000|0|k\n1|1001|0|a\n2|1001|1|b\n3|1001|2|a\n4|1002|0|k", 'an aggregate is taken apart');
succeeds($node, 'SELECT count(*) FROM t', 5, 'and counted');
succeeds($node, 'SELECT n FROM t WHERE hash = 12345', 3, 'explicit hash keys are shown');
stream({ shards => [ shard($parent, 0, -1, records => [ $bytes->($published) ]) ] }, ", on_error 'set_null'");
succeeds($node, q(SELECT sub, key, convert_from(raw, 'UTF8') FROM t),
	"0|pk0|payload-0\n1|pk1|payload-1\n2|pk0|payload-2\n3|pk1|payload-3\n4|pk0|payload-4", 'one made by another library');
stream({ shards => [ shard($parent, 0, -1, records => [ $plain->('{"n":0}'), $bytes->($aggregate, 'a') ]) ] }, ", partition_key 'a'");
succeeds($node, 'SELECT n FROM t', "1\n3", 'option partition_key looks at the records inside');

# MD5(a) = 0cc1…, MD5(b) = 92eb…: of these shards the first and the second
stream(
	{
		shards => [
			shard($parent, 0, -1, range => $halves[0], records => [ $bytes->($aggregate) ]),
			shard('shardId-000000000001', 0, -1, range => $halves[1], records => [ $bytes->($aggregate) ])
		]
	});
succeeds($node, 'SELECT n, shard FROM t ORDER BY n', "1|$parent\n2|shardId-000000000001\n3|$parent",
	'records inside that belong to another shard are dropped there');
like($node->safe_psql('postgres', 'EXPLAIN (ANALYZE) SELECT * FROM t'), qr/User Records Outside Shard: 3\b/, 'and counted');

# Whatever is not sound is a record like any other
my @broken = (
	[ 'a wrong digest' => substr($aggregate, 0, -1) . 'x' ],
	[ 'only the magic' => "\xF3\x89\x9A\xC2" ],
	[ 'magic and digest' => "\xF3\x89\x9A\xC2" . Digest::MD5::md5('') ],
	[ 'a key that is not in the table' => sealed("\x0a\x01a\x1a\x07\x08\x01\x1a\x03{}\n") ],
	[ 'a record without data' => sealed("\x0a\x01a\x1a\x02\x08\x00") ],
	[ 'a record without key' => sealed("\x0a\x01a\x1a\x04\x1a\x02{}") ],
	[ 'a length beyond the end' => sealed("\x0a\x01a\x1a\x7f\x08\x00\x1a\x02{}") ],
	[ 'a length of 2^64 - 1' => sealed("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a") ],
	[ 'a varint that does not end' => sealed("\x0a" . "\xff" x 20) ],
	[ 'a hash key that is no number' => sealed("\x0a\x01a\x12\x01x\x1a\x06\x08\x00\x10\x00\x1a\x00") ],
	[ 'an unknown wire type' => sealed("\x0a\x01a\x1b\x1c") ]);

sub sealed { return "\xF3\x89\x9A\xC2$_[0]" . Digest::MD5::md5($_[0]); }

stream({ shards => [ shard($parent, 0, -1, records => [ map { $bytes->($_->[1]) } @broken ]) ] }, ", on_error 'set_null'");
my @got = split /\n/, $node->safe_psql('postgres', q(SELECT sub || ' ' || key || ' ' || encode(raw, 'hex') FROM t ORDER BY seq));
is($got[$_], '0 outer ' . unpack('H*', $broken[$_][1]), "a plain record: $broken[$_][0]") foreach 0 .. $#broken;

# 170,000 records of nothing in a megabyte, and as many keys
my $laughs = sealed("\x0a\x01a" . "\x1a\x04\x08\x00\x1a\x00" x 170_000);
my $keys = sealed("\x0a\x00" x 400_000 . "\x1a\x06\x08\x00\x1a\x02{}");
stream({ shards => [ shard($parent, 0, -1, records => [ $bytes->($laughs), $bytes->($keys) ]) ] }, ", on_error 'ignore', log_verbosity 'silent'");
succeeds($node, 'SELECT count(*) FROM t', 1, 'an aggregate of very many records, and one of very many keys');

# At random, and every length
srand(my $seed = $ENV{PINTEREST_SEED} // time);
note("PINTEREST_SEED=$seed");
my @mutants = map {
	my $message = substr($aggregate, 4, -16);
	substr($message, int(rand(length $message)), 1) = chr(int(rand(256))) foreach 0 .. rand(3);
	$message = substr($message, 0, int(rand(length $message))) if rand() < 0.3;
	$bytes->(sealed($message));
} 1 .. 2000;
stream({ shards => [ shard($parent, 0, -1, records => \@mutants) ] }, ", on_error 'set_null', log_verbosity 'silent'");
cmp_ok($node->safe_psql('postgres', 'SELECT count(DISTINCT seq) FROM t WHERE length(raw) >= 0'), '>', 1000, 'damaged aggregates do no harm');
succeeds($node, 'SELECT 1', 1, 'the server is well');

# --- data that is no base64

stream(
	{
		shards => [
			shard(
				$parent, 0, -1,
				records => [ map { { base64 => $_ } } 'e30', 'e30=', '!!!!', 'e3 0=', '====', 'e30=e30=', "\\", '' ])
		]
	},
	", on_error 'set_null'");
succeeds($node, q(SELECT error IS NOT NULL, convert_from(raw, 'UTF8') FROM t ORDER BY seq),
	"t|e30\nf|{}\nt|!!!!\nt|e3 0=\nt|====\nt|e30=e30=\nt|\\\nt|", 'what is no base64 is a bad record, with its text');

# Of every length, and damaged anywhere
my @random = map { my $n = $_; join('', map { chr(int(rand(256))) } 1 .. $n) } 0 .. 300;
stream({ shards => [ shard($parent, 0, -1, records => [ map { $bytes->($_) } @random ]) ] }, ", on_error 'set_null', log_verbosity 'silent'");
is($node->safe_psql('postgres', 'SELECT md5(raw) FROM t ORDER BY seq'), join("\n", map { Digest::MD5::md5_hex($_) } @random), 'data of every length');
my @damaged = map {
	my $text = base64('x' x 200);
	substr($text, $_, 1) = pick_bad();
	$text
} 0 .. 200;
stream({ shards => [ shard($parent, 0, -1, records => [ map { { base64 => $_ } } @damaged ]) ] }, ", on_error 'set_null', log_verbosity 'silent'");
is($node->safe_psql('postgres', q(SELECT convert_from(raw, 'UTF8') FROM t ORDER BY seq)), join("\n", @damaged), 'damaged anywhere');

sub pick_bad { return (split //, '-_=.@[`{:, ')[ int(rand(12)) ]; }

# As large as the service allows them
stream({ shards => [ shard($parent, 0, -1, batch => 1, records => [ map { { data => '{"n":1,"k":"' . ('x' x 10_485_000) . '"}' } } 1 .. 2 ]) ] });
succeeds($node, "$unpaced SELECT count(*), min(length(k)) FROM t", '2|10485000', 'records of 10 MiB');

# --- partition keys of all kinds

stream(
	{
		shards => [
			shard($parent, 0, -1,
				records => [ map { { data => '{"n":1}', key => $_ } } 'plain', 'qu"ote\\', "caf\x{e9} \x{1F600}", '0' ])
		]
	});
succeeds($node, 'SELECT key FROM t ORDER BY seq', "plain\nqu\"ote\\\ncaf\xc3\xa9 \xf0\x9f\x98\x80\n0", 'partition keys with escapes');

$node->stop;
done_testing();
