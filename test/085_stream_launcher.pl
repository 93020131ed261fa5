# Streams that come back: with the library preloaded, workers start with the server,
# and those that have ended since are started again.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('launcher');
my $bootstrap = $kafka->bootstrap;

$node->append_conf('postgresql.conf', join("\n", 'restart_after_crash = on', q(shared_preload_libraries = 'pinterest_pipeline'),
	q(pinterest.launcher_naptime = '1s'), 'max_worker_processes = 12', 'wal_level = replica', 'max_wal_senders = 2', ''));
$node->restart;

# Two databases with streams of the same names, and one without the extension
sub sql { my ($sql, $database) = @_; return $node->safe_psql($database // 'postgres', $sql); }
sub back { wait_until { is_up($node) } 'the server is back'; return; }

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('postgres', 'CREATE DATABASE none');
$node->safe_psql('other', 'CREATE EXTENSION pinterest_pipeline');
my @streams = ([ 'postgres', 'a' ], [ 'postgres', 'b' ], [ 'other', 'a' ]);
foreach my $stream (@streams)
{
	my ($database, $name) = @$stream;
	my $topic = "$database.$name";

	$kafka->create_topic($topic, 2);
	sql(qq(CREATE SERVER IF NOT EXISTS kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap');
		CREATE FOREIGN TABLE ${name}_source (n int) SERVER kafka OPTIONS (topic '$topic');
		CREATE TABLE $name (n int);
		SELECT pinterest.create_stream('$name', '${name}_source', '$name', batch_wait => '100 ms', batch_rows => 50)), $database);
	my $stderr;
	$node->psql($database, "SELECT pinterest.start_stream('$name')", stderr => \$stderr);
	is($stderr, '', 'nothing to be said of restarts');
}

my $number = 0;

# New records for all streams
sub load
{
	foreach my $stream (@streams)
	{
		$kafka->produce(join('.', @$stream), [ map { { value => qq({"n":$_}), partition => $_ % 2 } } $number + 1 .. $number + 500 ]);
	}
	$number += 500;
	return;
}

# arrives TEST: all of them, once
sub arrives
{
	my ($test) = @_;
	my $sum = $number * ($number + 1) / 2;
	my @found;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eval { wait_until { !grep { sql("SELECT count(*) FROM $_->[1]", $_->[0]) < $number } @streams } $test };
	@found = map { sql("SELECT count(*), sum(n) FROM $_->[1]", $_->[0]) } @streams;
	return is("@found", join(' ', ("$number|$sum") x @streams), $test);
}

sub pid { my ($database, $name) = @_; return sql("SELECT pid FROM pinterest.stream_status WHERE stream = '$name'", $database); }

load();
arrives('started');
sql(q(SELECT pinterest.stop_stream('b')));
$node->restart;
load();
wait_until { pid('other', 'a') } 'the workers are back';
is(pid('postgres', 'b'), '', 'what was stopped stays so');
sql(q(SELECT pinterest.start_stream('b')));
arrives('after a restart of the server');
is(sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pinterest launcher')), 1, 'a launcher');
my $pid = pid('postgres', 'a');
sql("SELECT pg_terminate_backend($pid)");
load();
arrives('after a worker was terminated');
isnt(pid('postgres', 'a'), $pid, 'which was another one');
load();
kill 'KILL', pid('other', 'a');
sleep 0.1;
back();
load();
arrives('after a worker was killed');
kill 'KILL', sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'pinterest launcher'));
sleep 0.1;
back();
load();
arrives('after the launcher was killed');
$node->stop('immediate');
load();
$node->start;
arrives('after a crash of the server');
load();
my $postmaster = $node->{_pid};
$node->kill9;
wait_until { !kill 0, $postmaster } 'it is gone';
# Not before the other processes have noticed
wait_until { $node->start(fail_ok => 1) } 'the server starts';
arrives('after the postmaster was killed');

# Stopped, and not committed yet, when the launcher looks
my $session = open_session($node);
$session->ask(q(BEGIN; SELECT pinterest.stop_stream('a')));
sleep 2.5;
is(sql(q(SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')), 1, 'a new worker waits for who has stopped the stream');
$session->ask('COMMIT');
wait_until { pid('postgres', 'a') eq '' } 'and ends';
is(sql(q(SELECT state FROM pinterest.stream_status WHERE stream = 'a')), 'ready', 'stopped');
sql(q(SELECT pinterest.start_stream('a')));
undef $session;

# Fewer background workers than streams
$node->append_conf('postgresql.conf', 'max_worker_processes = 4');
$node->restart;
wait_until { slurp_file($node->logfile) =~ /no background worker is left/ } 'the log tells of it';
$node->append_conf('postgresql.conf', 'max_worker_processes = 12');
$node->restart;
load();
arrives('with enough of them');

# A database whose tables are locked does not hold up the others
$session = open_session($node);
$session->{in} = "\\c other\n";
$session->ask('BEGIN; LOCK TABLE pinterest._stream');
wait_until { sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pinterest starter' AND wait_event_type = 'Lock')) == 1 } 'the launcher has come there';
$pid = pid('postgres', 'a');
sql("SELECT pg_terminate_backend($pid)");
wait_until { pid('postgres', 'a') } 'a worker of another one is back';
undef $session;
load();
arrives('and all records come');

# Databases that go
$pid = pid('other', 'a');
$node->safe_psql('postgres', 'DROP DATABASE other WITH (FORCE)');
wait_until { !kill 0, $pid } 'the worker of a database that was dropped ends';
pop @streams;

# A standby
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
load();
arrives('with a standby');
$node->wait_for_catchup($standby, 'replay');
sleep 1.5;
is($standby->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pinterest%')), 0, 'no worker on a standby');
$node->stop;
$standby->promote;
$node = $standby;
load();
arrives('and on where it has ended, when it is promoted');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal 11/, 'no crash');
$node->stop;

done_testing();
