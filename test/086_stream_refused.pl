# Records of topics that the target of a stream refuses: each record is either a row or a
# dead letter, once, whatever happens in between.  See also sql/stream_refused.sql.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('stream_refused');
my $bootstrap = $kafka->bootstrap;

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

my $columns = q(n int, t text, p int OPTIONS (metadata 'partition'), o bigint OPTIONS (metadata 'offset'), key text OPTIONS (metadata 'key'),
	at timestamptz OPTIONS (metadata 'timestamp'), headers jsonb OPTIONS (metadata 'headers'));

sql(qq(CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap')));
foreach my $name (qw(a b c))
{
	$kafka->create_topic($name, 3);
	sql(qq(CREATE FOREIGN TABLE ${name}_source ($columns) SERVER kafka OPTIONS (topic '$name');
		CREATE TABLE $name (n int CHECK (n % 17 <> 0), t text, p int, o bigint, key text, at timestamptz, headers jsonb);
		SELECT pinterest.create_stream('$name', '${name}_source', '$name')));
}

# put TOPIC, N, …: records of these numbers, some of them without a value
sub put
{
	my ($topic, @numbers) = @_;
	return $kafka->produce($topic, [ map { { value => $_ % 50 == 1 ? undef : qq({"n":$_,"t":"é$_"}), partition => $_ % 3, key => "k$_",
		timestamp => 1_700_000_000_000 + $_, headers => [ [ h => "v$_" ] ] } } @numbers ]);
}

# agrees STREAM, REFUSED, TEST: every record is a row or a dead letter, and these are so many
sub agrees
{
	my ($name, $refused, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return succeeds(
		$node, qq(
		WITH missing AS (SELECT * FROM ${name}_source EXCEPT ALL SELECT * FROM $name),
			dead AS (SELECT split, position FROM pinterest.dead_letter WHERE stream = '$name')
		SELECT (SELECT count(*) FROM missing), (SELECT count(*) FROM dead), (SELECT count(*) FROM missing JOIN dead ON (split, position) = ('$name/' || p, o::text)),
			(SELECT count(*) FROM (SELECT * FROM $name EXCEPT ALL SELECT * FROM ${name}_source) AS s)),
		"$refused|$refused|$refused|0", $test);
}

#
# Runs
#
put('a', 1 .. 1000);
succeeds($node, q(SELECT pinterest.pull_stream('a', 500) >= 450, pinterest.pull_stream('a', 100) > 0), 't|t', 'runs in the middle of partitions');
succeeds($node, q(SELECT count(*) FROM (SELECT pinterest.pull_stream('a')) AS s), 1, 'and to the end');
agrees('a', 56, 'each record once, with all that belongs to it');
succeeds($node, q(SELECT records, rows, rejected, dead_letters FROM pinterest.stream_status WHERE stream = 'a'), '1000|944|56|56', 'counted once');
succeeds($node, q(SELECT error, metadata ->> 'key', metadata ->> 'offset', convert_from(bytes, 'UTF8') FROM pinterest.dead_letter WHERE stream = 'a' AND bytes LIKE '%:34,%'),
	q(new row for relation "a" violates check constraint "a_n_check": Failing row contains (34, é34, 1, 11, k34, 2023-11-14 22:13:20.034+00, [{"key": "h", "value": "v34"}]).|\x6b3334|11|{"n":34,"t":"é34"}),
	'a dead letter says why');
sql(q(ALTER TABLE a DROP CONSTRAINT a_n_check, ADD CHECK (n <> 34)));
succeeds($node, q(SELECT pinterest.replay_dead_letters('a'); SELECT count(*) FROM pinterest.dead_letter WHERE stream = 'a'), "55\n1", 'all but one are good now');
agrees('a', 1, 'and in the table');

# Reasons that are no record's: nothing happens
put('a', 1001 .. 1020);
sql(q(CREATE TABLE late (i int PRIMARY KEY); INSERT INTO late VALUES (0); ALTER TABLE a ADD COLUMN late int DEFAULT 0 REFERENCES late DEFERRABLE INITIALLY DEFERRED;
	ALTER TABLE a ALTER COLUMN late SET DEFAULT 1));
fails($node, q(SELECT pinterest.pull_stream('a')), { state => '23503' }, 'a constraint that is checked at the end of the transaction');
sql(q(ALTER TABLE a DROP COLUMN late; CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN IF NEW.n = 1010 THEN RAISE serialization_failure; END IF; RETURN NEW; END';
	CREATE TRIGGER busy BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION busy()));
fails($node, q(SELECT pinterest.pull_stream('a')), { state => '40001' }, 'a conflict of transactions');
sql(q(DROP TRIGGER busy ON a));
succeeds($node, q(BEGIN; SAVEPOINT s; SELECT pinterest.pull_stream('a'); ROLLBACK TO s; SELECT pinterest.pull_stream('a'); COMMIT), "20\n20", 'around savepoints');
agrees('a', 1, 'still once each');

#
# Interrupted while the guilty ones are looked for
#
sql(q(CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END';
	CREATE TRIGGER slow BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION slow()));
put('b', 1 .. 600);
fails($node, q(SET statement_timeout = 900; SELECT pinterest.pull_stream('b')), { state => '57014', within => 3 }, 'cancelled');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
foreach my $signal (qw(TERM KILL TERM KILL))
{
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', q(SELECT pinterest.pull_stream('b', 200); SELECT pinterest.pull_stream('b')) ],
		'>', \my $out, '2>', \my $err, IPC::Run::timeout(60));

	Time::HiRes::sleep(0.2 + rand(1));
	my $pid = $node->safe_psql('postgres', q(SELECT max(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pinterest.pull%'));
	kill $signal, $pid if $pid ne '';
	$run->finish;
	wait_until { is_up($node) } 'the server is back';
}
sql(q(SELECT pinterest.pull_stream('b')));
agrees('b', 34, 'runs that were cancelled, terminated and killed: each record once');

#
# In the background
#
sql(q(SELECT pinterest.start_stream('c')));
put('c', $_ * 100 .. $_ * 100 + 99) foreach 1 .. 5;
wait_until { sql(q(SELECT sum(records) FROM pinterest.stream_status WHERE stream = 'c')) == 500 } 'a worker has copied it all';
agrees('c', 30, 'a worker');
sql(q(SELECT pinterest.stop_stream('c')));

done_testing();
