# Conditions on shards, sequence numbers and times save work, and never change a
# result: each query gives what it gives over a plain copy of the same records.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use KinesisTest;
use Math::BigInt;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('kinesis_pushdown');

$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.kinesis_pacing = off');
srand(my $seed = $ENV{PINTEREST_SEED} // time);
note("PINTEREST_SEED=$seed");

sub create_table
{
	my ($server, $stream) = @_;

	$node->safe_psql(
		'postgres', qq(
		DROP TABLE IF EXISTS plain; DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, shard text OPTIONS (metadata 'shard_id'),
			seq numeric OPTIONS (metadata 'sequence_number'), at timestamptz OPTIONS (metadata 'arrival_timestamp'))
		SERVER $server OPTIONS (stream '$stream');
		CREATE TABLE plain AS SELECT * FROM t;));
	return;
}

sub same
{
	my ($where, $name) = @_;
	my $foreign = $node->safe_psql('postgres', "SELECT n FROM t WHERE $where ORDER BY 1");
	my $plain = $node->safe_psql('postgres', "SELECT n FROM plain t WHERE $where ORDER BY 1");

	return 1 if $foreign eq $plain;
	diag("$name: WHERE $where gives\n" . ($foreign =~ tr/\n/ /r) . "\ninstead of\n" . ($plain =~ tr/\n/ /r));
	return 0;
}

sub pick { return $_[ int(rand(@_)) ]; }

# A condition at random, of values that occur, and of some that do not
sub condition
{
	my ($depth, $shards, $numbers, $times) = @_;
	my $operator = pick('=', '<', '<=', '>', '>=');

	if ($depth > 0 && rand() < 0.6)
	{
		my @arms = map { condition($depth - 1, $shards, $numbers, $times) } 1 .. 2 + rand(2);
		return '(' . join(pick(' AND ', ' OR '), @arms) . ')';
	}
	my $number = sub {
		my $some = Math::BigInt->new(pick(@$numbers));
		return pick($some->bstr, $some->bstr, $some->bstr, $some->copy->binc->bstr, $some->bstr . '.5', '0', '-1', "'NaN'", '1e60');
	};
	my $time = sub { return "'" . pick(@$times) . "'::timestamptz + interval '" . pick(0, 0, 0.001, -0.001, 1, -1) . "s'"; };

	return pick(
		"shard = '" . pick(@$shards) . "'",
		"shard <> '" . pick(@$shards) . "'",
		"shard IN ('" . pick(@$shards) . "', '" . pick(@$shards) . "')",
		'seq ' . $operator . ' ' . $number->(),
		'seq ' . $operator . ' ' . $number->(),
		'seq BETWEEN ' . $number->() . ' AND ' . $number->(),
		'seq IN (' . join(', ', map { $number->() } 1 .. 3) . ')',
		'NOT seq ' . $operator . ' ' . $number->(),
		"at $operator " . $time->(),
		'at BETWEEN ' . $time->() . ' AND ' . $time->(),
		'n % 3 = 0');
}

sub compare_at_random
{
	my ($count, $name) = @_;
	my ($shards, $numbers, $times) =
	  map { [ split /\n/, $node->safe_psql('postgres', "SELECT DISTINCT $_ FROM plain ORDER BY 1") ] } qw(shard seq at);
	my $wrong = 0;

	$wrong += !same(condition(2, [ @$shards, 'none' ], $numbers, $times), $name) foreach 1 .. $count;
	is($wrong, 0, "$name: $count conditions at random");
	return;
}

# --- emulators, with shards of several generations

foreach my $kind (qw(ferrokinesis kinesis-local))
{
	my $kinesis = start_kinesis($kind);
	my $server = $kind =~ tr/-/_/r;
	my $n = 0;

	if (!$kinesis)
	{
	  SKIP: { skip "no $kind here", 1; }
		next;
	}
	create_kinesis_server($node, $server, $kinesis->endpoint);
	$kinesis->create_stream('s', 2);
	foreach my $change (sub { }, sub { $kinesis->split('s', 'shardId-000000000000') },
		sub { $kinesis->merge('s', 'shardId-000000000003', 'shardId-000000000001') })
	{
		$change->();
		for (1 .. 4)
		{
			$kinesis->put('s', map { [ "key$n", '{"n":' . ++$n . '}' ] } 1 .. 8);
			sleep(0.3);
		}
	}
	create_table($server, 's');
	compare_at_random($kind eq 'ferrokinesis' ? 60 : 20, $kind);
}

# --- our own server tells what was asked for

my $kinesis = start_kinesis_fault_server();
my $middle = Math::BigInt->new(2)->bpow(127);
my $base = 1700000000000;
my $hours = 100_000;
my @shards = map {
	my $shard = $_;

	{
		id => "shardId-00000000000$shard",
		range => $shard == 0 ? [ 0, $middle->copy->bdec->bstr ] : [ $middle->bstr, $middle->copy->bmul(2)->bdec->bstr ],
		start => 1000 * $shard + 1,
		batch => 10,
		records => [
			map { { data => '{"n":' . (100 * $shard + $_) . '}', sequence => 1000 * $shard + 2 * $_, at => $base + 60000 * $_ } } 1 .. 100
		]
	}
} 0 .. 1;

create_kinesis_server($node, 'scripted', $kinesis->endpoint);
$kinesis->stream(name => 's', shards => \@shards, retention => $hours);
create_table('scripted', 's');
compare_at_random(150, 'scripted');

sub requests
{
	my ($where, $gets, $name) = @_;

	$kinesis->counters;
	ok(same($where, $name), $name);
	is($kinesis->counters->{GetRecords} // 0, $gets, "$name: that many requests for records");
	return;
}

my $at = sub { return "'epoch'::timestamptz + interval '" . ($base / 1000 + $_[0]) . "s'"; };

requests("shard = 'shardId-000000000001'", 10, 'one shard');
requests("shard = 'none'", 0, 'no shard');
requests("shard = 'shardId-000000000000' AND seq >= 182", 1, 'the end of a shard');
requests("shard = 'shardId-000000000000' AND seq <= 20", 1, 'its beginning');
requests("shard = 'shardId-000000000000' AND seq IN (10, 100, 190)", 3, 'three places in it');
requests("shard = 'shardId-000000000000' AND seq = 101", 6, 'a number that is none of it');
requests("shard = 'shardId-000000000001' AND at >= " . $at->(60 * 91), 1, 'the last ten minutes');
requests("shard = 'shardId-000000000001' AND at < " . $at->(60 * 9), 1, 'the first nine');
requests("at > 'infinity'", 0, 'never');
requests("shard = (SELECT 'shardId-00000000000' || 1)", 10, 'a value that is known when the scan begins');

$node->safe_psql('postgres', q(CREATE TABLE wanted AS SELECT 'shardId-000000000000' AS shard, x AS seq FROM unnest(ARRAY[20, 120, 180]) x));
$kinesis->counters;
succeeds(
	$node,
	q(SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
	  SELECT t.n FROM wanted w JOIN t ON t.shard = w.shard AND t.seq = w.seq ORDER BY 1),
	"10\n60\n90",
	'a nested loop');
is($kinesis->counters->{GetRecords}, 3, 'asks for what it needs, each time');
$kinesis->counters;
succeeds($node, 'SET pinterest.kinesis_connections = 1; SELECT n IS NOT NULL FROM t LIMIT 1', 't', 'LIMIT');
cmp_ok($kinesis->counters->{GetRecords} // 0, '<', 10, 'does not read to the end');

$node->stop;
done_testing();
