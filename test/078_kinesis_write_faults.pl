# INSERT into streams when the service refuses some records, or requests, or does not
# answer: nothing is lost, doubled or out of its key's order, and an error says which
# row it was and what stays.  On a scripted server, which checks signatures.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use KinesisTest;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('kinesis_write_faults');
my $kinesis = start_kinesis_fault_server();
my $half = '170141183460469231731687303715884105728';
my $number = 0;
my $stream;

create_kinesis_server($node, 'scripted', $kinesis->endpoint);
$kinesis->set(keys => { AKIDTEST => [ 'secretkeytest123', undef ] });

# A fresh stream of two shards, and its table t
sub fresh
{
	my ($what, $options) = @_;

	$stream = 's-' . ++$number;
	$kinesis->clear;
	$kinesis->stream(
		name => $stream,
		shards => [ { id => 'shardId-000000000000', range => [ 0, $half =~ s/8$/7/r ] },
			{ id => 'shardId-000000000001', range => [ $half, '340282366920938463463374607431768211455' ] } ],
		%{ $what // {} });
	$options //= '';
	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, t text, key text OPTIONS (metadata 'partition_key'),
			hash numeric OPTIONS (metadata 'explicit_hash_key'), seq numeric OPTIONS (metadata 'sequence_number'),
			data bytea OPTIONS (metadata 'data'))
		SERVER scripted OPTIONS (stream '$stream'$options)));
	$kinesis->counters;
	return;
}

# What each PutRecords had
sub puts { return join(' ', @{ $kinesis->counters->{puts} // [] }); }

# The numbers there are, shard by shard
sub numbers { return map { $_->[2] =~ /"n":(\d+)/ } $kinesis->records($stream); }

sub all_there
{
	my ($from, $to, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(join(' ', sort { $a <=> $b } numbers()), join(' ', $from .. $to), "$name: each row is there once");
}

my $ten = 'INSERT INTO t (n) SELECT generate_series(1, 10)';
my $refused = 'ProvisionedThroughputExceededException';

# --- requests

fresh();
$node->safe_psql('postgres', 'INSERT INTO t (n) SELECT generate_series(1, 1300)');
is(join(' ', sort split / /, puts()), '300 500 500', 'as few requests as it takes');
all_there(1, 1300, 'three requests');
fresh();
$node->safe_psql('postgres', q(INSERT INTO t (t) SELECT repeat('x', 900000) FROM generate_series(1, 12)));
is(join(' ', sort split / /, puts()), '2 5 5', 'large records: 5 MiB a request');
fresh({ largest => 10485760 });
$node->safe_psql('postgres', q(INSERT INTO t (n, t) SELECT i, repeat('x', 400000 + 1000000 * (i % 2)) FROM generate_series(1, 6) AS i));
is(join(' ', sort split / /, puts()), '1 1 1 1 1 1', 'those above 1 MiB go alone');
all_there(1, 6, 'small and large');
fresh({ largest => 10485760 });
$node->safe_psql('postgres', q(INSERT INTO t (t, key) VALUES (repeat('x', 10485760 - 17 - 1), 'k')));
is($node->safe_psql('postgres', 'SELECT length(t) FROM t'), 10485742, 'a record of 10 MiB');
fresh({ largest => 10485760 });
fails($node, q(INSERT INTO t (t, key) VALUES (repeat('x', 10485760 - 17), 'k')),
	{ state => '54000', like => [ qr/record too large/, qr/row 1 of the statement.*10 MiB/ ] }, 'and a byte more');
is(puts(), '', 'which is not sent');

# --- what rows may not say

foreach my $case (
	[ q{(n, key) VALUES (1, 'ok'), (2, '')}, '22023', qr/invalid partition key.*row 2 of.*1 to 256 characters/s ],
	[ q{(n, key) VALUES (1, repeat('x', 257))}, '22023', qr/invalid partition key/ ],
	[ q{(n, hash) VALUES (1, -1)}, '22003', qr/invalid explicit hash key/ ],
	[ q{(n, hash) VALUES (1, 1.5)}, '22003', qr/invalid explicit hash key/ ],
	[ q{(n, hash) VALUES (1, 340282366920938463463374607431768211456)}, '22003', qr/from 0 to 2\^128 - 1/ ],
	[ q{(n, hash) VALUES (1, 'NaN')}, '22003', qr/invalid explicit hash key/ ],
	[ q{(key) VALUES ('k')}, '23502', qr/cannot be NULL.*row 1 of/s ],
	[ q{(n, data) VALUES (1, '{}')}, '22023', qr/both column "data" and fields/s ],
	[ q{(n, seq) VALUES (1, 1)}, '0A000', qr/column "seq"/ ])
{
	my ($sql, $state, $pattern) = @$case;

	fresh();
	fails($node, "INSERT INTO t $sql", { state => $state, like => [$pattern] }, "refused: $sql");
	is(puts(), '', 'nothing was sent');
}
fresh();
$node->safe_psql('postgres', q(INSERT INTO t (n, key) VALUES (1, repeat('é', 256))));
all_there(1, 1, 'a key of 256 characters');

# --- records that are refused for now

foreach my $code ($refused, 'InternalFailure', 'KMSThrottlingException')
{
	fresh();
	$kinesis->fault(op => 'PutRecords', fault => 'refuse', type => $code, entries => [ 3, 4, 9 ], times => 1);
	succeeds($node, $ten, '', "$code: sent again");
	is(puts(), '10 3', "$code: those alone");
	all_there(1, 10, $code);
}
fresh();
$kinesis->fault(op => 'PutRecords', fault => 'error', status => 400, type => $refused, times => 3);
succeeds($node, $ten, '', 'all are refused');
all_there(1, 10, 'all are refused');
fresh({ rate => 700 });
$node->safe_psql('postgres', 'INSERT INTO t (n) SELECT generate_series(1, 3000)');
all_there(1, 3000, 'shards that take 700 records a second');

# --- the order of a key

fresh();
$kinesis->fault(op => 'PutRecords', fault => 'refuse', type => $refused, entries => [0], times => 4);
$node->safe_psql('postgres', q(INSERT INTO t (n, key) SELECT n, k FROM generate_series(1, 30) AS n, unnest('{a,b,c}'::text[]) AS k));
$kinesis->keys_are_in_order($stream);
fresh({ rate => 40 });
$node->safe_psql('postgres', q(INSERT INTO t (n, key) SELECT n, 'k' || k FROM generate_series(1, 25) AS n, generate_series(1, 8) AS k));
$kinesis->keys_are_in_order($stream);
fresh({}, q(, ordered 'false', partition_key 'k'));
$kinesis->fault(op => 'PutRecords', fault => 'refuse', type => $refused, entries => [ 2, 5 ], times => 1);
$node->safe_psql('postgres', $ten);
is(join(' ', numbers()), '1 2 4 5 7 8 9 10 3 6', 'without: those that were refused come later');
is(puts(), '10 2', 'but in fewer requests');

# --- records that fail

foreach my $code (qw(KMSAccessDeniedException ValidationException Whatever))
{
	my $state = { KMSAccessDeniedException => '42501', ValidationException => '22023' }->{$code} // 'HV000';

	fresh();
	$kinesis->fault(op => 'PutRecords', fault => 'refuse', type => $code, message => "It's \x07 no good", keys => [ 'k4', 'k7' ]);
	fails(
		$node,
		q(INSERT INTO t (n, key) SELECT i, 'k' || i FROM generate_series(1, 10) AS i),
		{ state => $state, like => [ qr/could not write row 4 of the statement, with partition key "k4", to stream "$stream": $code/, qr/It's .?no good/, qr/^8 records had been delivered, and stay\./m ] },
		"$code of two records");
	is(join(' ', sort { $a <=> $b } numbers()), '1 2 3 5 6 8 9 10', "$code: the others are there");
}
fresh();
$kinesis->fault(op => 'PutRecords', fault => 'refuse', type => $refused, message => 'Rate exceeded', keys => ['k4']);
fails(
	$node,
	q(SET pinterest.shard_timeout = 1000; INSERT INTO t (n, key) SELECT i, 'k' || i FROM generate_series(1, 10) AS i),
	{ state => '53400', within => 12, like => [ qr/row 4 .*"k4".*$refused/, qr/sent \d+ times/, qr/1,000 records and 1 MB a second/, qr/^9 records had been delivered/m ] },
	'refused for ever');

# --- whole requests

foreach my $fault ([ LimitExceededException => 400 ], [ InternalFailureException => 500 ], [ ServiceUnavailable => 503 ], [ ThrottlingException => 400 ])
{
	fresh();
	$kinesis->fault(op => 'PutRecords', fault => 'error', type => $fault->[0], status => $fault->[1], times => 2);
	succeeds($node, $ten, '', "$fault->[0]: the request is sent again");
	all_there(1, 10, $fault->[0]);
}
foreach my $case (
	[ AccessDeniedException => '42501', qr/kinesis:PutRecords/ ],
	[ KMSDisabledException => '55000', qr/KMSDisabled/ ],
	[ ValidationException => '22023', qr/ValidationException/ ],
	[ ResourceInUseException => '55006', qr/created, changed or deleted/ ])
{
	my ($code, $state, $pattern) = @$case;

	fresh();
	$kinesis->fault(op => 'PutRecords', fault => 'error', type => $code, status => 400);
	my $error = fails($node, $ten, { state => $state, like => [ qr/could not write to stream "$stream": $code/, $pattern ] }, "$code of the request");
	unlike($error, qr/delivered/, 'nothing stays');
	is($kinesis->counters->{PutRecords}, 1, 'it is sent once');
}

# What may be there is not sent again
foreach my $case (
	[ close => '08006', qr/10 records may have been delivered\./ ],
	[ half => '08006', qr/10 records may have been delivered\./ ],
	[ garbage => 'HV000', qr/answer is not valid for PutRecords.*10 records may have been delivered\./s ],
	[ html => 'HV000', qr/answer is not valid for PutRecords/ ])
{
	my ($fault, $state, $pattern) = @$case;

	fresh();
	$kinesis->fault(op => 'PutRecords', fault => $fault);
	fails($node, $ten, { state => $state, like => [ qr/could not write to stream "$stream"/, $pattern ] }, "an answer that is none: $fault");
	is($kinesis->counters->{PutRecords}, 1, "$fault: it is sent once") if $fault ne 'close';
}
fresh();
$kinesis->fault(op => 'PutRecords', fault => 'error', status => 502, type => '', times => 1);
fails($node, $ten, { state => 'HV000', like => [qr/10 records may have been delivered/] }, 'an answer of what stands between');
fresh();
$kinesis->fault(op => 'PutRecords', fault => 'hang');
fails($node, "SET pinterest.request_timeout = 1000; $ten", { state => '08006', within => 10, like => [qr/10 records may have been delivered/] }, 'no answer');

# Nor by libcurl, where a connection that served before ends without an answer
fresh();
$kinesis->fault(op => 'PutRecords', fault => 'silent', after => 1, times => 1);
fails($node, 'SET pinterest.kinesis_connections = 1; INSERT INTO t (n) SELECT generate_series(1, 1300)',
	{ state => '08006', like => [ qr/the connection was closed before the answer/, qr/500 records had been delivered, and stay; 500 more may have been\.$/m ] }, 'no answer on a connection that served before');
all_there(1, 1000, 'no answer');

# --- keys that end

fresh();
$kinesis->fault(op => 'PutRecords', fault => 'error', status => 400, type => 'ExpiredTokenException', after => 2);
fails($node, 'INSERT INTO t (n) SELECT generate_series(1, 5000)',
	{ state => '28000', like => [ qr/ExpiredTokenException/, qr/HINT: .*credentials/, qr/^1000 records had been delivered, and stay\.$/m ] },
	'keys that end in the middle');
is(scalar(my @there = numbers()), 1000, 'as many are there as it says');
$kinesis->clear;
$kinesis->set(keys => { AKIDTEST => [ 'another', undef ] });
fails($node, $ten, { state => '28000', like => [qr/InvalidSignatureException/] }, 'a wrong secret');
$kinesis->set(keys => { AKIDTEST => [ 'secretkeytest123', undef ] });

# --- after an error

# The answer to the first request comes when others are under way
fresh();
$kinesis->fault(op => 'PutRecords', fault => 'refuse', type => 'Whatever', entries => [0], times => 1);
$kinesis->fault(op => 'PutRecords', fault => 'latency', ms => 200);
my $error = fails($node, 'INSERT INTO t (n) SELECT generate_series(1, 20000)', { state => 'HV000', like => [qr/row (?:1|501|1001|1501) of/] }, 'one of many fails');
sleep(0.5);
my ($said) = $error =~ /^(\d+) records had been delivered, and stay\.$/m;
is($said, scalar(@there = numbers()), 'what is under way is waited for, and counted');
cmp_ok($said, '<', 10000, 'and nothing is sent after it');

fresh();
my $stderr = '';
$node->psql('postgres', 'INSERT INTO t (n) SELECT CASE WHEN i < 3200 THEN i ELSE 1 / (i - i) END FROM generate_series(1, 5000) AS i', stderr => \$stderr);
sleep(0.2);
@there = numbers();
cmp_ok(scalar(@there), '>', 0, 'an error of the query: some are there');
like($stderr, qr/ERROR:  division by zero/, 'it is told');
like($stderr, qr/WARNING:  rolling back does not undo what was written to "$stream"\nDETAIL:  Number of records that stay there: @{[ scalar @there ]}\./, 'with what stays');
fresh();
$node->psql('postgres', "BEGIN; $ten; ROLLBACK", stderr => \$stderr);
like($stderr, qr/WARNING:  rolling back .*"$stream"\nDETAIL:  Number of records that stay there: 10\./, 'ROLLBACK: a warning');

# --- cancelling

sub cancelled
{
	my ($sql, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return fails($node, "SET statement_timeout = '1s'; $sql", { state => '57014', within => 4 }, "cancelled: $name");
}

fresh();
$kinesis->fault(op => 'PutRecords', fault => 'hang');
like(cancelled($ten, 'the answer to the last request'), qr/10 records may have been delivered/, 'it may be there');
cancelled(q(INSERT INTO t (n, t) SELECT i, repeat('x', 100000) FROM generate_series(1, 2000) AS i), 'the queue is full');
fresh();
$kinesis->fault(op => 'PutRecords', fault => 'error', status => 400, type => $refused);
cancelled($ten, 'a rest after a refusal');
cancelled(q(INSERT INTO t (n, t, key) SELECT i, repeat('x', 100000), 'k' FROM generate_series(1, 2000) AS i), 'the queue is full of one key');
fresh();
$kinesis->fault(op => 'PutRecords', fault => 'error', status => 503, type => 'ServiceUnavailable');
cancelled("SET pinterest.max_retries = 100; $ten", 'a request is to be sent again');

$node->stop;
done_testing();
