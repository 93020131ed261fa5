# Background workers of streams, over a real cluster.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('workers');
my $bootstrap = $kafka->bootstrap;

$node->append_conf('postgresql.conf', "restart_after_crash = on\npinterest.request_timeout = '5s'\n");
$node->reload;
$node->safe_psql('postgres', qq(
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap')));

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

# topic NAME, [PARTITIONS, ARGUMENTS]: a topic, a stream NAME over it, and its target NAME
sub topic
{
	my ($name, $partitions, $arguments) = @_;
	my $more = $arguments ? ", $arguments" : '';

	$kafka->create_topic($name, $partitions // 1);
	sql(qq(CREATE FOREIGN TABLE ${name}_source (n int, t text) SERVER kafka OPTIONS (topic '$name');
		CREATE TABLE $name (n int, t text);
		SELECT pinterest.create_stream('$name', '${name}_source', '$name', batch_wait => '100 ms' $more)));
	return;
}

# put TOPIC, PARTITION, N, …: records of these numbers
sub put
{
	my ($topic, $partition, @numbers) = @_;
	return $kafka->produce($topic, [ map { { value => qq({"n":$_,"t":"x$_"}), partition => $partition } } @numbers ]);
}

sub status { my ($name, $column) = @_; return sql("SELECT $column FROM pinterest.stream_status WHERE stream = '$name'"); }

# The workers there are
sub workers { return sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pinterest stream')); }

# What a statement says besides
sub notices { my ($sql) = @_; my ($stdout, $stderr); $node->psql('postgres', $sql, stderr => \$stderr); return $stderr; }

# comes NAME, NUMBERS, TEST: what the target holds in the end
sub comes
{
	my ($name, $numbers, $test) = @_;
	my $holds;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eval { wait_until { ($holds = sql("SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') FROM $name")) eq $numbers } $test };
	return is($holds, $numbers, $test);
}

# ends PID, TEST
sub ends
{
	my ($pid, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eval { wait_until { !kill 0, $pid } $test };
	return is(kill(0, $pid), 0, $test);
}

# becomes NAME, STATE, TEST
sub becomes
{
	my ($name, $state, $test) = @_;
	my $is;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eval { wait_until { ($is = status($name, 'state')) eq $state } $test };
	return is($is, $state, $test);
}

#
# Start and stop
#
topic('a', 2);
is(status('a', 'state'), 'ready', 'not started');
put('a', 0, 1, 2);
sql(q(SELECT pinterest.start_stream('a')));
comes('a', '1 2', 'what there was');
put('a', 1, 3);
comes('a', '1 2 3', 'what has come since');
is(status('a', 'state'), 'running', 'it runs');
my $pid = status('a', 'pid');
is(sql("SELECT backend_type, application_name, usename = current_user FROM pg_stat_activity WHERE pid = $pid"), 'pinterest stream|a|t', 'in pg_stat_activity');
like(notices(q(SELECT pinterest.start_stream('a'))), qr/NOTICE:.*stream "a" is already running/, 'started twice');
is(status('a', 'pid'), $pid, 'by the same worker');
succeeds($node, q(SELECT pinterest.pull_stream('a')), 0, 'a run besides finds nothing to do');
sql(q(SELECT pinterest.stop_stream('a')));
is(status('a', 'state, pid'), 'ready|', 'stopped');
is(workers(), 0, 'no session of a worker');
ends($pid, 'the process ends');
put('a', 0, 4);
like(notices(q(SELECT pinterest.stop_stream('a'))), qr/NOTICE:.*stream "a" is not running/, 'stopped twice');
sql('SELECT pg_sleep(0.3)');
is(sql('SELECT max(n) FROM a'), 3, 'nothing is read');
sql(q(BEGIN; SELECT pinterest.start_stream('a'); SELECT pg_sleep(0.5); ROLLBACK));
wait_until { workers() == 0 } 'no worker after a rollback';
is(sql('SELECT max(n) FROM a'), 3, 'a start that was rolled back');
my $session = open_session($node);
$session->ask(q(BEGIN; SELECT pinterest.start_stream('a')));
my $other = open_session($node);
$other->{in} .= "SELECT pinterest.start_stream('a');\n";
$other->{run}->pump_nb;
wait_until { sql(q(SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid' AND query LIKE '%start_stream%')) == 1 } 'a second start waits';
$session->ask('COMMIT');
comes('a', '1 2 3 4', 'started by two at once');
$other->ask('SELECT 1');
$pid = status('a', 'pid');
wait_until { workers() == 1 } 'one worker';
is(status('a', 'pid'), $pid, 'the first');
$session->ask(q(BEGIN; SELECT pinterest.stop_stream('a'); SELECT pinterest.start_stream('a'); SELECT pinterest.stop_stream('a')));
is(status('a', 'pid'), '', 'stopped in a transaction');
put('a', 0, 5);
$session->ask('ROLLBACK');
comes('a', '1 2 3 4 5', 'a stop that was rolled back');
sql(q(BEGIN; SAVEPOINT s; SELECT pinterest.stop_stream('a'); ROLLBACK TO s; COMMIT));
put('a', 0, 6);
comes('a', '1 2 3 4 5 6', 'a stop that was rolled back to a savepoint');
sql(q(SELECT pinterest.stop_stream('a')));
put('a', 0, 7);
sql(q(BEGIN; SELECT pinterest.start_stream('a'); SELECT pinterest.stop_stream('a'); SELECT pinterest.start_stream('a'); COMMIT));
comes('a', '1 2 3 4 5 6 7', 'stopped and started in one transaction');
wait_until { workers() == 1 } 'by one worker';
sql(q(BEGIN; SELECT pinterest.reset_stream('a'); DELETE FROM a; COMMIT));
comes('a', '1 2 3 4 5 6 7', 'reset while it runs');

# A stream and its worker in one transaction, and dropped again
$kafka->create_topic('b');
put('b', 0, 1);
my $create = q(CREATE FOREIGN TABLE b_source (n int, t text) SERVER kafka OPTIONS (topic 'b'); CREATE TABLE b (n int, t text);
	SELECT pinterest.create_stream('b', 'b_source', 'b', batch_wait => '100 ms'); SELECT pinterest.start_stream('b'););
sql("BEGIN; $create; SELECT pg_sleep(0.3); ROLLBACK");
wait_until { workers() == 1 } 'no worker of a stream that was rolled back';
sql("BEGIN; $create; SELECT pg_sleep(0.3); COMMIT");
comes('b', '1', 'created and started in one transaction');
sql(q(BEGIN; SELECT pinterest.drop_stream('b'); ROLLBACK));
put('b', 0, 2);
comes('b', '1 2', 'a drop that was rolled back');
$pid = status('b', 'pid');
sql(q(SELECT pinterest.drop_stream('b')));
ends($pid, 'the worker of a stream that was dropped ends');

#
# A broker that is silent, or gone
#
$kafka->pause;
sleep 0.3;
my $elapsed = elapsed_of { sql(q(SELECT pinterest.stop_stream('a'))) };
cmp_ok($elapsed, '<', 1.5, 'stopped while the broker is silent');
sql(q(SELECT pinterest.start_stream('a')));
sleep 0.3;
$elapsed = elapsed_of { sql(q(BEGIN; SELECT pinterest.drop_stream('a'); ROLLBACK)) };
cmp_ok($elapsed, '<', 1.5, 'dropped while the broker is silent');
$kafka->resume;
$kafka->kill;
becomes('a', 'retrying', 'without a broker');
like(status('a', q(retries > 0, last_error_time > now() - interval '1 minute', last_error)), qr/^t\|t\|.*(?:broker|Connection refused)/s, 'the error is kept');
$kafka->start;
put('a', 1, 8);
comes('a', '1 2 3 4 5 6 7 8', 'with a broker again');
becomes('a', 'running', 'it runs again');
$pid = status('a', 'pid');
sql("SELECT pg_cancel_backend($pid)");
put('a', 1, 9);
comes('a', '1 2 3 4 5 6 7 8 9', 'cancelling does not end it');

#
# Errors that do not pass
#
$kafka->produce('a', [ { value => '{"n":"bad"}', partition => 0 } ]);
put('a', 0, 10);
comes('a', '1 2 3 4 5 6 7 8 9 10', 'around a bad record');
is(status('a', 'rejected, dead_letters'), '1|1', 'which is a dead letter');
topic('c', 1, q(on_error => 'stop'));
put('c', 0, 1);
sql(q(SELECT pinterest.start_stream('c')));
comes('c', '1', 'before a bad record');
$kafka->produce('c', [ { value => '{"n":"bad"}', partition => 0 } ]);
becomes('c', 'failed', 'a bad record with on_error stop');
wait_until { status('c', 'pid') eq '' } 'the worker has ended';
like(slurp_file($node->logfile), qr/LOG:  stream "c" has failed, and will not run until it is started again/, 'and the log says so');
like(status('c', 'last_error'), qr/invalid input syntax for type integer: "bad"/, 'the error says why');
sql(q(SELECT pinterest.reset_stream('c', split => 'c/0', at => '2'); SELECT pinterest.start_stream('c')));
put('c', 0, 2);
comes('c', '1 2', 'started again behind it');
sql(q(SELECT pinterest.stop_stream('c')));
put('c', 0, 3 .. 5);
$kafka->delete_records('c', { 0 => 5 });
sql(q(SELECT pinterest.start_stream('c')));
becomes('c', 'failed', 'a gap');
like(status('c', 'last_error'), qr/records of split "c\/0" are gone.*DETAIL:  Positions 3 to 4 are gone/s, 'which the error tells');
sql(q(DROP TABLE c));
fails($node, q(SELECT pinterest.start_stream('c')), { state => '42P01', like => [qr/target public\.c of stream "c" does not exist/] }, 'a target that is gone');
sql(q(SELECT pinterest.drop_stream('c')));

#
# How far behind
#
topic('f', 2);
$kafka->produce('f', [ map { { value => qq({"n":$_}), partition => 0, timestamp => (time - 3600) * 1000 } } 1 .. 3 ]);
sql(q(SELECT pinterest.pull_stream('f', 1)));
my $lags = q(SELECT split, position, ends, lag, round(extract(epoch FROM lag_time) / 60) FROM pinterest.stream_position WHERE stream = 'f' ORDER BY 1);
is(sql($lags), "f/0|1|3|2|60\nf/1|0|0|0|0", 'two records behind, the last one an hour old');
is(status('f', q(lag, round(extract(epoch FROM lag_time) / 60))), '2|60', 'the sum of splits');
sql(q(SELECT pinterest.pull_stream('f')));
is(sql($lags), "f/0|3|3|0|0\nf/1|0|0|0|0", 'nothing is left');
sql(q(SELECT pinterest.drop_stream('f')));

#
# Another owner
#
sql(q(CREATE ROLE alice LOGIN; CREATE SCHEMA alice AUTHORIZATION alice; GRANT USAGE ON FOREIGN SERVER kafka TO alice));
$kafka->create_topic('d');
sql(q(SET SESSION AUTHORIZATION alice;
	CREATE FOREIGN TABLE alice.source (n int) SERVER kafka OPTIONS (topic 'd'); CREATE TABLE alice.d (n int, who text DEFAULT session_user);
	SELECT pinterest.create_stream('d', 'alice.source', 'alice.d', batch_wait => '100 ms')));
sql(q(SELECT pinterest.start_stream('d')));
put('d', 0, 1);
wait_until { sql('SELECT n, who FROM alice.d') eq '1|alice' } 'as its owner, whoever starts it';
fails($node, q(CREATE ROLE bob; SET ROLE bob; SELECT pinterest.stop_stream('d')), { state => '42501', like => [qr/must be owner of stream d/] }, 'stopped by another role');
fails($node, q(SET ROLE bob; SELECT pinterest.start_stream('d')), { state => '42501', like => [qr/must be owner of stream d/] }, 'started by another role');
sql(q(ALTER TABLE alice.d OWNER TO CURRENT_USER));
put('d', 0, 2);
becomes('d', 'failed', 'an owner without privileges');
like(status('d', 'last_error'), qr/permission denied for table d/, 'which the error tells');
sql(q(GRANT ALL ON alice.d TO alice; SELECT pinterest.start_stream('d')));
wait_until { sql('SELECT count(*) FROM alice.d') == 2 } 'with privileges again';
sql(q(SELECT pinterest.stop_stream('d'); ALTER ROLE alice NOLOGIN));
SKIP:
{
	skip 'workers need no LOGIN', 1 if sql('SHOW server_version_num') >= 170000;
	fails($node, q(SELECT pinterest.start_stream('d')), { state => '55000', like => [ qr/role "alice".*is not permitted to log in/, qr/ALTER ROLE/ ] }, 'an owner who may not log in');
}
sql(q(ALTER ROLE alice LOGIN; SELECT pinterest.start_stream('d')));
becomes('d', 'running', 'an owner who may');

#
# Processes that end badly, under load
#
topic('e', 2, 'batch_rows => 50');
sql(q(SELECT pinterest.start_stream('e')));
my $number = 0;
sub load { put('e', $_, $number + 1 .. $number + 1000), $number += 1000 foreach 0, 1; return; }
load();
sql(qq(SELECT pg_terminate_backend(pid) FROM pinterest.stream_status WHERE stream = 'e'));
becomes('e', 'down', 'terminated');
sql(q(SELECT pinterest.start_stream('e')));
load();
kill 'KILL', status('e', 'pid');
wait_until { is_up($node) && status('e', 'state') eq 'down' } 'killed, and the server is back';
load();
sql(q(SELECT pinterest.start_stream('e')));
load();
$node->stop('immediate');
$node->start;
is(status('e', 'state'), 'down', 'after a crash of the server');
sql(q(SELECT pinterest.start_stream(stream) FROM pinterest.stream_status WHERE state = 'down'));
load();
wait_until { sql('SELECT count(*) FROM e') >= 10_000 } 'all of it comes';
is(sql('SELECT count(*), count(DISTINCT n), sum(n) FROM e'), '10000|10000|50005000', 'nothing lost, nothing twice');
is(status('e', 'rows'), 10_000, 'and counted');

# As many as there can be
$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
$node->restart;
fails($node, q(SELECT pinterest.start_stream(stream) FROM pinterest.stream_status ORDER BY stream),
	{ state => '53400', like => [ qr/no background worker is left for stream/, qr/HINT:.*max_worker_processes/ ] }, 'more streams than background workers');

#
# What takes everything away
#
sql(q(SELECT pinterest.start_stream('a')));
put('a', 0, 11);
comes('a', '1 2 3 4 5 6 7 8 9 10 11', 'it runs');
$pid = status('a', 'pid');
sql('DROP EXTENSION pinterest_pipeline CASCADE');
ends($pid, 'the worker ends when the extension is dropped');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|server process .* was terminated by signal 11/, 'no crash');

done_testing();
