# Streams over a real cluster: each record once, whatever happens in between.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('streams');
my $bootstrap = $kafka->bootstrap;

$node->safe_psql('postgres', qq(
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap')));

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

# topic NAME, [PARTITIONS]: a topic, a foreign table over it called NAME_source, and a
# table NAME for its records
sub topic
{
	my ($name, $partitions) = @_;

	$kafka->create_topic($name, $partitions // 1);
	sql(qq(CREATE FOREIGN TABLE ${name}_source (n int, t text, p int OPTIONS (metadata 'partition'), o bigint OPTIONS (metadata 'offset'))
			SERVER kafka OPTIONS (topic '$name');
		CREATE TABLE $name (n int, t text, p int, o bigint)));
	return;
}

# stream NAME, [ARGUMENTS]: of a topic
sub stream
{
	my ($name, $arguments) = @_;
	return sql("SELECT pinterest.create_stream('$name', '${name}_source', '$name'" . ($arguments ? ", $arguments" : '') . ')');
}

# put TOPIC, PARTITION, N, …: records of these numbers
sub put
{
	my ($topic, $partition, @numbers) = @_;
	return $kafka->produce($topic, [ map { { value => qq({"n":$_,"t":"x$_"}), partition => $partition } } @numbers ]);
}

# pulls NAME, ROWS, TEST: what a run gives, as numbers of rows
sub pulls
{
	my ($name, $rows, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return succeeds($node, "SELECT pinterest.pull_stream('$name')", $rows, $test);
}

# holds NAME, NUMBERS, TEST: what the target holds
sub holds
{
	my ($name, $numbers, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return succeeds($node, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM $name", $numbers, $test);
}

#
# Runs
#
topic('a', 3);
stream('a');
pulls('a', 0, 'an empty topic');
put('a', 0, 1, 2);
put('a', 2, 3);
pulls('a', 3, 'all there is');
pulls('a', 0, 'and nothing twice');
put('a', 1, 4);
put('a', 2, 5);
pulls('a', 2, 'what has come since');
holds('a', '1 2 3 4 5', 'each record once');
succeeds($node, q(SELECT split, position FROM pinterest.stream_position ORDER BY split), "a/0|2\na/1|1\na/2|2", 'positions');
succeeds($node, q(SELECT stream, owner = current_user, state, source, target, runs, records, rows, rejected, last_run IS NOT NULL FROM pinterest.stream_status),
	'a|t|ready|public.a_source|public.a|4|5|5|0|t', 'status');
put('a', 0, 6 .. 9);
succeeds($node, q(SELECT pinterest.pull_stream('a', max_records => 3)), 3, 'so many records');
pulls('a', 1, 'and the rest');
succeeds($node, q(SELECT n, t, p, o FROM a WHERE n = 9), '9|x9|0|5', 'columns of the same name');

# Undone
put('a', 0, 10);
sql(q(BEGIN; SELECT pinterest.pull_stream('a'); ROLLBACK));
sql(q(BEGIN; SAVEPOINT s; SELECT pinterest.pull_stream('a'); ROLLBACK TO s; COMMIT));
fails($node, q(BEGIN; SELECT pinterest.pull_stream('a'); SELECT 1/0), { state => '22012' }, 'a transaction that fails');
holds('a', '1 2 3 4 5 6 7 8 9', 'nothing of what was rolled back');
put('a', 0, 11);
succeeds($node, q(BEGIN; SELECT pinterest.pull_stream('a', 1); SELECT pinterest.pull_stream('a'); COMMIT), "1\n1", 'two runs in one transaction');
holds('a', '1 2 3 4 5 6 7 8 9 10 11', 'nothing lost, nothing twice');

# New partitions
$kafka->add_partitions('a', 5);
put('a', 4, 12);
pulls('a', 1, 'a new partition');

# Batches, each in a transaction of its own
topic('batches', 2);
stream('batches', q(batch_rows => 3, on_error => 'stop', splits => 'batches/0'));
put('batches', 0, 1 .. 8);
$kafka->produce('batches', [ { value => '{"n":"bad"}', partition => 0 } ]);
fails($node, q(CALL pinterest.run_stream('batches')), { state => '22P02', like => [qr/stream "batches"/] }, 'a bad record in the third batch');
succeeds($node, q(SELECT count(*), count(DISTINCT n), count(DISTINCT xmin::text) FROM batches), '6|6|2', 'the two before it stay');
sql(q(UPDATE pinterest._stream SET on_error = 'ignore', splits = NULL WHERE name = 'batches'));
sql(q(CALL pinterest.run_stream('batches')));
holds('batches', '1 2 3 4 5 6 7 8', 'the rest');

# Each row has another record sent, so that there is no end
sql(q(
	CREATE FUNCTION send_another() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO public.batches_source (n, t) VALUES (NEW.n + 100, NEW.t); RETURN NULL; END';
	CREATE TRIGGER send_another AFTER INSERT ON batches FOR EACH ROW EXECUTE FUNCTION send_another()));
put('batches', $_ % 2, $_) foreach 9 .. 18;
sql(q(CALL pinterest.run_stream('batches')));
holds('batches', join(' ', 1 .. 18), 'only what there was when the run began');
succeeds($node, q(SELECT runs, rows FROM pinterest.stream_status WHERE stream = 'batches'), '8|18', 'in batches');

#
# Runs at the same time, and runs that end badly
#

# begins SQL: a psql that executes it meanwhile; a run that has to wait does so in
# begins_to_wait
sub begins
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	return { run => $run, out => \$out, err => \$err };
}

sub ends { my ($begun) = @_; $begun->{run}->finish; return ${ $begun->{out} } =~ s/\s+$//r; }

# The process that waits for a lock of this kind, when it does
sub waiting
{
	my ($kind) = @_;
	my $pid = '';

	wait_until { $pid = sql("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = '$kind'"); $pid ne '' } "a wait for $kind";
	return $pid;
}

topic('b', 2);
stream('b');
put('b', 0, 1 .. 3);
my $session = open_session($node);
$session->ask('BEGIN');
is($session->ask(q(SELECT pinterest.pull_stream('b'))), 3, 'a run');
put('b', 1, 4);
my $other = begins(q(SELECT pinterest.pull_stream('b')));
waiting('transactionid');
$session->ask('COMMIT');
is(ends($other), 1, 'another one waits for it, and goes on where it has ended');
put('b', 1, 5);
$session->ask('BEGIN');
$session->ask(q(SELECT pinterest.pull_stream('b')));
$other = begins(q(SELECT pinterest.pull_stream('b')));
waiting('transactionid');
$session->ask('ROLLBACK');
is(ends($other), 1, 'or where the one before had ended');
put('b', 1, 6);
$session->ask('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
pulls('b', 1, 'a run after the snapshot of another transaction');
$session->ask(q(SELECT pinterest.pull_stream('b')));
like($session->error, qr/could not serialize/, 'which must not run on older positions');
$session->ask('ROLLBACK');
holds('b', '1 2 3 4 5 6', 'nothing twice');

# A trigger that waits in the middle of a run
sql(q(CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN IF NEW.n % 1000 = 0 THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NEW; END';
	CREATE TRIGGER wait_here BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION wait_here()));
$session->ask('SELECT pg_advisory_lock(1)');
put('b', 0, 900 .. 1100);
$other = begins(q(SELECT pinterest.pull_stream('b')));
sql('SELECT pg_terminate_backend(' . waiting('advisory') . ')');
ends($other);
like(${ $other->{err} }, qr/terminat/, 'a run is terminated');
$other = begins(q(SELECT pinterest.pull_stream('b')));
sql('SELECT pg_cancel_backend(' . waiting('advisory') . ')');
ends($other);
like(${ $other->{err} }, qr/canceling statement/, 'a run is cancelled');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
$other = begins(q(SELECT pinterest.pull_stream('b')));
kill 'KILL', waiting('advisory');
ends($other);
undef $session;
wait_until { is_up($node) } 'the server is back';
holds('b', '1 2 3 4 5 6', 'nothing of runs that were killed');
pulls('b', 201, 'the next run has it all');
succeeds($node, 'SELECT count(*), count(DISTINCT n) FROM b', '207|207', 'once');
sql('DROP TRIGGER wait_here ON b');

# Some of all that, at random
my $number = 10_000;
for my $round (1 .. 5)
{
	put('b', $_, $number .. $number + 99), $number += 100 foreach 0, 1;
	my @runs = map { begins(q(SELECT pinterest.pull_stream('b', 30); SELECT pinterest.pull_stream('b', 50))) } 1 .. 3;
	sql(q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pinterest.pull%' ORDER BY random() LIMIT 1));
	ends($_) foreach @runs;
}
sql(q(SELECT pinterest.pull_stream('b')));
succeeds($node, 'SELECT count(*), count(DISTINCT n) FROM b WHERE n >= 10000', '1000|1000', 'runs at random: nothing lost, nothing twice');
succeeds($node, q(SELECT rows FROM pinterest.stream_status WHERE stream = 'b'), 1207, 'and what the status says is true');

#
# Gaps
#
topic('c', 2);
stream('c');
put('c', 0, 1 .. 4);
pulls('c', 4, 'before a gap');
put('c', 0, 5 .. 9);
$kafka->delete_records('c', { 0 => 7 });
my $gone = qr/records of split "c\/0" are gone before stream "c" has read them/;
fails($node, q(SELECT pinterest.pull_stream('c')),
	{ state => '55000', like => [ $gone, qr/Positions 4 to 6 are gone.*begins at offset 7/, qr/HINT:.*reset_stream/, qr/stream "c"/ ] }, 'records that were deleted');
fails($node, q(SELECT pinterest.reset_stream('c', split => 'c/0', at => '-1')), { state => '22023', like => [qr/invalid position "-1"/] }, 'no position');
fails($node, q(SELECT pinterest.reset_stream('c', split => 'c', at => '1')), { state => '22023', like => [qr/invalid split "c"/] }, 'no split');
sql(q(SELECT pinterest.reset_stream('c', split => 'c/0', at => '8')));
pulls('c', 1, 'reset to a position behind');
holds('c', '1 2 3 4 9', 'from there on');
$kafka->delete_topic('c');
wait_until { eval { $kafka->create_topic('c', 2); 1 } } 'a topic of that name';
put('c', 0, 21 .. 23);
fails($node, q(SELECT pinterest.pull_stream('c')), { state => '55000', like => [ $gone, qr/from position 9 on.*ends at offset 3 now: the topic was deleted/ ] }, 'a topic made anew');
put('c', 0, 24 .. 40);
fails($node, q(SELECT pinterest.pull_stream('c')), { state => '55000', like => [ $gone, qr/at offset 8 is not the one that was read there/ ] }, 'one with more records than before');
sql(q(SELECT pinterest.reset_stream('c')));
pulls('c', 20, 'reset to the beginning');
$kafka->add_partitions('c', 3);
put('c', 2, 50, 51);
$kafka->delete_records('c', { 2 => 1 });
fails($node, q(SELECT pinterest.pull_stream('c')), { state => '55000', like => [qr/"c\/2" are gone.*Positions 0 to 0 are gone\. The partition was added/s] },
	'a partition that was added, and its first records deleted');

topic('d', 1);
stream('d', q(on_gap => 'skip'));
put('d', 0, 1 .. 4);
pulls('d', 4, 'before a gap that may be skipped');
put('d', 0, 5 .. 9);
$kafka->delete_records('d', { 0 => 7 });
pulls('d', 2, 'behind it');
$kafka->delete_topic('d');
wait_until { eval { $kafka->create_topic('d', 1); 1 } } 'a topic of that name';
put('d', 0, 21 .. 40);
pulls('d', 20, 'a topic made anew, from its beginning');
succeeds($node, q(SELECT split, first, last FROM pinterest.stream_gap WHERE stream = 'd' ORDER BY "time"), "d/0|4|6\nd/0|9|", 'gaps are recorded');
holds('d', '1 2 3 4 8 9 ' . join(' ', 21 .. 40), 'around the gaps');

#
# Where to begin, and which splits
#
topic('e', 4);
stream('e', q(splits => '2/2'));
$kafka->produce('e', [ map { { value => qq({"n":$_}), partition => $_ % 4, timestamp => 1_700_000_000_000 + $_ * 1000 } } 0 .. 15 ]);
sql(q(SELECT pinterest.reset_stream('e', since => '2023-11-14 22:13:28+00')));
pulls('e', 4, 'one of two shares, from a time on');
holds('e', '9 11 13 15', 'the records of these partitions then and later');
stream('e', q(splits => 'e/0, e/2')) if sql(q(SELECT pinterest.drop_stream('e'))) eq '';
pulls('e', 8, 'splits by name');
sql(q(SELECT pinterest.drop_stream('e')));

done_testing();
