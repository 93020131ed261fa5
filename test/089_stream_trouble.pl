# What administrators do to streams, and what happens to them: settings of roles,
# prepared transactions, clocks that jump, commits that are lost.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('trouble');
my $bootstrap = $kafka->bootstrap;
my $files = PostgreSQL::Test::Utils::tempdir('folders');

$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_prepared_transactions = 2\n");
$node->restart;

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

sub status { my ($name, $column) = @_; return sql("SELECT $column FROM pinterest.stream_status WHERE stream = '$name'"); }

sql(qq(
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap');
	CREATE SERVER files FOREIGN DATA WRAPPER s3_json;
	CREATE ROLE owner LOGIN;
	GRANT pg_read_server_files TO owner;
	GRANT USAGE ON FOREIGN SERVER files TO owner;
	CREATE SCHEMA owner AUTHORIZATION owner));

# object N: a file with a record of that number
sub object { my ($n) = @_; mkdir "$files/source"; append_to_file("$files/source/$n.json", qq({"n":$n}\n)); return; }

# comes NUMBERS, TEST: what the target holds in the end
sub comes
{
	my ($numbers, $test) = @_;
	my $holds = '';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eval { wait_until { ($holds = sql(q(SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') FROM owner.target))) eq $numbers } $test };
	return is($holds, $numbers, $test);
}

#
# Settings of the owner
#
object(1);
sql(qq(
	SET ROLE owner;
	CREATE FOREIGN TABLE owner.source (n int) SERVER files OPTIONS (location 'file://$files/source/');
	CREATE TABLE owner.target (n int);
	SELECT pinterest.create_stream('s', 'owner.source', 'owner.target', batch_wait => '50 ms')));
sql(q(ALTER ROLE owner SET default_transaction_read_only = on; SELECT pinterest.start_stream('s')));
comes('1', 'an owner whose transactions only read by default');
sql(q(ALTER ROLE owner SET lock_timeout = '50ms'; SELECT pinterest.stop_stream('s'); SELECT pinterest.start_stream('s')));
wait_until { status('s', 'pid') ne '' } 'the worker starts';
my $pid = status('s', 'pid');
my $session = open_session($node);
$session->ask(q(BEGIN; LOCK TABLE owner.target IN ACCESS EXCLUSIVE MODE; SELECT FROM pinterest._stream_worker FOR UPDATE));
object(2);
wait_until { slurp_file($node->logfile) =~ /lock timeout.*lock timeout/s } 'an error that cannot be noted';
undef $session;
comes('1 2', 'it does not end the worker');
is(status('s', 'pid'), $pid, 'which is the same');

#
# A trigger that releases all locks of its session
#
sql(q(CREATE FUNCTION owner.unlock() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_unlock_all(); RETURN NULL; END';
	CREATE TRIGGER unlock AFTER INSERT ON owner.target EXECUTE FUNCTION owner.unlock()));
object(20);
comes('1 2 20', 'a trigger that releases locks');
object(21);
comes('1 2 20 21', 'and again');
wait_until { status('s', 'pid') eq $pid } 'the worker is still known';
is(status('s', 'state'), 'running', 'and the stream running');
sql(q(DROP TRIGGER unlock ON owner.target; DELETE FROM owner.target WHERE n > 2));

#
# Prepared transactions
#
sql(q(BEGIN; SELECT pinterest.stop_stream('s'); PREPARE TRANSACTION 'stop'));
object(3);
# For longer than the owner's lock_timeout
wait_until { sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pinterest stream' AND wait_event = 'transactionid' AND xact_start < clock_timestamp() - interval '0.2 s')) == 1 } 'a new worker waits for the transaction';
sql(q(ROLLBACK PREPARED 'stop'));
comes('1 2 3', 'a stop that was prepared, and rolled back');
sql(q(BEGIN; SELECT pinterest.stop_stream('s'); PREPARE TRANSACTION 'stop'));
sql(q(COMMIT PREPARED 'stop'));
is(status('s', 'state'), 'ready', 'and one that was committed');
wait_until { sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pinterest stream')) == 0 } 'without a worker';

#
# A gap, and a record that is refused behind it
#
sub put
{
	my ($topic, @numbers) = @_;
	return $kafka->produce($topic, [ map { { value => qq({"n":$_}), partition => 0 } } @numbers ]);
}

$kafka->create_topic('gap', 1);
put('gap', 0 .. 3);
$kafka->delete_records('gap', { 0 => 2 });
sql(q(CREATE FOREIGN TABLE gap_source (n int) SERVER kafka OPTIONS (topic 'gap'); CREATE TABLE gap (n int CHECK (n <> 3));
	SELECT pinterest.create_stream('gap', 'gap_source', 'gap', on_gap => 'skip'); SELECT pinterest.reset_stream('gap', split => 'gap/0', at => '0')));
my ($rc, $rows, $said) = $node->psql('postgres', q(SELECT pinterest.pull_stream('gap')));
is($rows, 1, 'a gap, and a record that is refused');
is(scalar(() = $said =~ /WARNING:  records of split "gap\/0" are gone/g), 1, 'of the gap there is one warning');
is(sql(q(SELECT first, last FROM pinterest.stream_gap)), '0|1', 'and one row');

#
# Sinks: objects of before
#
# sink NAME, [ARGUMENTS]: of a topic of that name, into a folder of that name
sub sink
{
	my ($name, $arguments) = @_;

	$kafka->create_topic($name, 1);
	mkdir "$files/$name" or die $!;
	chmod 0777, "$files/$name";
	return sql("SELECT pinterest.create_sink('$name', 'kafka', '$name', 'files', 'file://$files/$name'" . ($arguments ? ", $arguments" : '') . ')');
}

# holds NAME, OBJECTS, TEST: the offset of the first record of each, and how many
sub holds
{
	my ($name, $expected, $test) = @_;
	my $holds = '';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	# There is no folder before the first object
	eval { wait_until { eval { $holds = sql(qq(SELECT coalesce(string_agg(first || ' ' || n, ', ' ORDER BY first), '')
		FROM (SELECT min("offset") AS first, count(*) AS n FROM ${name}_target GROUP BY path) AS o)) }; $holds eq $expected } $test };
	return is($holds, $expected, $test);
}

# fails_with NAME, PATTERN, TEST: the worker does
sub fails_with
{
	my ($name, $pattern, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eval { wait_until { status($name, 'state') eq 'failed' } $test };
	return like(status($name, q(state || ' ' || last_error)), $pattern, $test);
}

my $taken = qr/^failed the target of stream ".*" already has an object for partition 0 of topic ".*" from offset 0 on/;

sink('again', q(flush_size => 3, rotate_interval => '0'));
put('again', 0 .. 3);
sql(q(SELECT pinterest.start_stream('again')));
holds('again', '0 3, 3 1', 'a sink');
wait_until { sql(q(SELECT position FROM pinterest.stream_position WHERE stream = 'again')) eq '4' } 'its position';
sql(q(SELECT pinterest.reset_stream('again')));
fails_with('again', $taken, 'reset while it runs');
holds('again', '0 3, 3 1', 'its objects are as before');

sink('anew', q(flush_size => 3, rotate_interval => '0'));
sql(q(UPDATE pinterest._stream SET on_gap = 'skip' WHERE name = 'anew'));
put('anew', 0 .. 3);
sql(q(SELECT pinterest.start_stream('anew')));
holds('anew', '0 3, 3 1', 'another one');
wait_until { sql(q(SELECT position FROM pinterest.stream_position WHERE stream = 'anew')) eq '4' } 'its position';
$kafka->delete_topic('anew');
wait_until { eval { $kafka->create_topic('anew', 1); 1 } } 'a topic of that name';
put('anew', 10 .. 12);
fails_with('anew', $taken, 'a topic that is made anew while it runs');
is(sql(q(SELECT count(*) FROM pinterest.stream_object WHERE stream = 'anew' AND last IS NOT NULL)), 0, 'no record of it counts as written');

#
# Sinks: what waits
#
sink('waits', q(flush_size => 2, rotate_interval => '1 hour'));
put('waits', 0, 1);
sql(q(SELECT pinterest.start_stream('waits')));
holds('waits', '0 2', 'an object that is full');
wait_until { status('waits', 'lag') eq '0' } 'nothing is left';
put('waits', 2);
wait_until { sql(q(SELECT count(*) FROM pinterest.stream_object WHERE stream = 'waits')) == 1 } 'a record that waits for its object';
is(sql(q(SELECT position, ends, lag, lag_time >= '0' FROM pinterest.stream_position WHERE stream = 'waits')), '2|3|1|t', 'is behind');
sql(q(UPDATE pinterest._stream SET rotate_interval = '1 second' WHERE name = 'waits';
	UPDATE pinterest._stream_object SET since = now() + interval '1 year' WHERE stream = 'waits'));
holds('waits', '0 2, 2 1', 'it does not wait for a clock that was put back');
wait_until { status('waits', 'lag') eq '0' } 'and is behind no more';
sql(q(SELECT pinterest.stop_stream('waits')));

# A commit that is lost with the server's memory
sink('lost');
sql(q(ALTER DATABASE postgres SET synchronous_commit = off));
put('lost', 0 .. 4);
my $writer = sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'));
kill 'STOP', $writer;
sql(q(CALL pinterest.run_stream('lost')));
kill 'KILL', $writer;
wait_until { !kill 0, $writer } 'it is gone';
wait_until { is_up($node) } 'the server is back';
holds('lost', '0 5', 'what was written');
sql(q(CALL pinterest.run_stream('lost')));
holds('lost', '0 5', 'is known to be there');
is(sql(q(SELECT position FROM pinterest.stream_position WHERE stream = 'lost')), '5', 'and counts as read');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal 11/, 'no crash');
done_testing();
