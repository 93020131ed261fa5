# Reading and writing while brokers fail: the result is whole, or the statement fails.

use strict;
use warnings;

use lib 'test/lib';
use IPC::Run ();
use KafkaTest;
use List::Util qw(sum);
use PinterestTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $kafka = start_kafka(brokers => 3, heap => 192);

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('kafka_failover');
my $mock = start_mock_kafka(brokers => 2, topics => { t => 3 });
my $count = 120_000;

sub create_server
{
	my ($name, $bootstrap, @topics) = @_;

	$node->safe_psql('postgres', join(';',
		qq(CREATE SERVER $name FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap')),
		map { "CREATE FOREIGN TABLE ${name}_$_ (n int) SERVER $name OPTIONS (topic '$_')" } @topics));
	return;
}
create_server('kafka', $kafka->bootstrap, qw(copied single written));
create_server('mock', $mock->bootstrap, 't');
# Nobody listens there
create_server('nobody', '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port(), 't');

# Larger than what is fetched ahead
$kafka->create_topic('copied', 3);
$kafka->fill(topic => 'copied', count => $count, pad => 1000);
$kafka->create_topic('written', 3);
$kafka->command('create_topic', name => 'single', copies => [ [3] ]);
$kafka->fill(topic => 'single', count => $count, pad => 1000);

my $session = open_session($node);
$session->ask("SET pinterest.request_timeout = '15s'");

# A scan of which the first row has been read
sub begin_scan
{
	my ($table) = @_;

	$session->ask("BEGIN; DECLARE c CURSOR FOR SELECT n FROM $table; MOVE 1 FROM c");
	return;
}

# The number of its other rows, as psql tells it
sub end_scan
{
	my $moved = $session->ask("\\set QUIET off\nMOVE ALL FROM c;\n\\set QUIET on\n");

	$session->ask('ROLLBACK');
	return $moved;
}

# Rows that go to three partitions for some seconds, and a test in between that they do
sub begin_insert
{
	my ($first) = @_;
	my $rows = "SELECT i FROM generate_series($first, $first + 19999) AS i WHERE i % 200 <> 0 OR pg_sleep(0.05) IS NOT NULL";
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "INSERT INTO kafka_written $rows" ],
		'>', \my $ignored, '2>', \my $error, IPC::Run::timeout(120));

	wait_until { sum(map { $_->[1] } values %{ $kafka->offsets(name => 'written') }) > $first } 'messages';
	return sub { $run->finish; return $error; };
}

# A snapshot of what has come of it: each row once
sub written
{
	return $session->ask('SELECT count(*), count(DISTINCT n), max(n) FROM kafka_written');
}

#
# A leader is killed, and comes back
#
my $whole = 'MOVE ' . ($count - 1);
my $insert = begin_insert(0);
begin_scan('kafka_copied');
$kafka->kill(1);
is(end_scan(), $whole, 'a broker is killed: the scan has all rows');
is($session->ask('SELECT count(*), sum(n::bigint) FROM kafka_copied'), "$count|7199940000", 'the next scan, without it');
is($insert->(), '', 'a broker is killed: the rows being written are confirmed');
is(written(), '20000|20000|19999', 'each of them is there once');
begin_scan('kafka_copied');
$kafka->start(1);
$insert = begin_insert(20_000);
wait_until { eval { $kafka->elect_leaders(name => 'copied') }; $kafka->leaders(name => 'copied')->{0} == 1 } 'leaders';
$kafka->elect_leaders(name => 'written');
is(end_scan(), $whole, 'the leader changes: the scan has all rows');
is($session->ask('SELECT count(*) FROM kafka_copied'), $count, 'the next scan');
is($insert->(), '', 'the leader changes: the rows being written are confirmed');
is(written(), '40000|40000|39999', 'each of them is there once');

#
# The only broker of a partition
#
$session->ask("SET pinterest.request_timeout = '2s'");
foreach my $case ([ 'killed', 'kill', 'start' ], [ 'paused', 'pause', 'resume' ])
{
	my ($name, $down, $up) = @$case;
	begin_scan('kafka_single');
	$kafka->command($down, node => 3);
	my $elapsed = elapsed_of
	{
		$session->ask('MOVE ALL FROM c');
	};
	like($session->error, qr/ERROR: .*topic "single"/, "the only broker is $name: an error, and no short result");
	cmp_ok($elapsed, '<', 10, "the only broker is $name: in time");
	$session->ask('ROLLBACK');

	# A new scan waits; it can be cancelled
	$elapsed = elapsed_of
	{
		$session->ask("SET pinterest.request_timeout = '60s'; SET statement_timeout = '500ms'; SELECT count(*) FROM kafka_single")
	};
	like($session->error, qr/canceling statement due to statement timeout/, "the only broker is $name: a scan is cancelled");
	cmp_ok($elapsed, '<', 2, "the only broker is $name: cancelled soon");
	$session->ask("SET statement_timeout = 0; SET pinterest.request_timeout = '2s'");
	$kafka->command($up, node => 3);
	wait_until { ($kafka->leaders(name => 'single')->{0} // 0) == 3 } 'leader';
	$session->ask("SET pinterest.request_timeout = '15s'");
	is($session->ask('SELECT count(*) FROM kafka_single'), $count, "the only broker was $name: the session goes on");
	$session->ask("SET pinterest.request_timeout = '2s'");
}

#
# Nobody there
#
my $elapsed = elapsed_of { $session->ask("SET pinterest.request_timeout = '60s'; SELECT * FROM nobody_t") };
like($session->error, qr/ERROR:.*Connection refused/s, 'nobody listens: why');
like($session->error, qr/HINT:.*bootstrap\.servers/, 'nobody listens: a hint');
cmp_ok($elapsed, '<', 10, 'nobody listens: no need to wait for long');
$elapsed = elapsed_of { $session->ask("SET statement_timeout = '300ms'; SELECT * FROM nobody_t") };
like($session->error, qr/canceling statement/, 'nobody listens: cancelled');
cmp_ok($elapsed, '<', 2, 'nobody listens: cancelled soon');
$session->ask('RESET statement_timeout; RESET pinterest.request_timeout');

#
# Errors that pass, on request
#
$mock->fill(topic => 't', count => 3000);
my $query = 'SELECT count(*), sum(n) FROM mock_t';
is($session->ask($query), '3000|4498500', 'the mock cluster');
foreach my $case (
	[ 'not the leader for fetches', 'error 1 6 5' ],
	[ 'not the leader for offsets', 'error 2 6 5' ],
	[ 'no leader', 'error 3 5 3' ],
	[ 'a slow fetch', 'slow 1 1 0 800' ],
	[ 'slow offsets', 'slow 1 2 0 800' ],
	[ 'a broken fetch', 'error 1 -195 2' ],
	[ 'a leader moves', 'leader t 0 1', 'leader t 1 1', 'leader t 2 2' ],
	[ 'the network is slow', 'rtt 1 50', 'rtt 2 30' ],)
{
	my ($name, @commands) = @$case;
	$mock->mock($_) foreach @commands;
	is($session->ask($query), '3000|4498500', "$name: the result is whole");
	is($session->error, '', "$name: no error");
}
$mock->mock("rtt $_ 0") foreach 1, 2;
$mock->mock('topic_error t 29');
$session->ask($query);
like($session->error, qr/ERROR: .*authori[sz]ation/i, 'not authorized');
$mock->mock('topic_error t 0');
is($session->ask($query), '3000|4498500', 'authorized again');

done_testing();
