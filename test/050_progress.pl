# pinterest.scan_progress: one session scans, another watches.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('progress');
my $fault_server = start_fault_server();

create_bucket_server($node, 'faulty', $fault_server->endpoint);
$node->safe_psql('postgres', q(
	CREATE ROLE watcher;
	CREATE ROLE monitor;
	GRANT pg_read_all_stats TO monitor;));

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $entries = 'SELECT count(*) FROM pinterest.scan_progress';

# A table over a bucket with so many objects of ten records each, and its faults
sub slow_table
{
	my ($name, $objects, @faults) = @_;

	$fault_server->put("slow-$name", "in/$_.json", "{\"n\":$_}\n" x 10) foreach 1 .. $objects;
	$fault_server->fault("slow-$name", %$_) foreach @faults;
	$node->safe_psql('postgres',
		"CREATE FOREIGN TABLE $name (n int) SERVER faulty OPTIONS (location 's3://slow-$name/in/')");
	return;
}

# A psql in the background
sub start_query
{
	my ($sql, $database) = @_;
	my $session = { stdout => '', stderr => '' };

	$session->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr($database // 'postgres'), '-c', $sql ],
		'<', \undef, '>', \$session->{stdout}, '2>', \$session->{stderr}, IPC::Run::timeout(60));
	return $session;
}

# Asks again and again until the answer is as expected
sub becomes
{
	my ($sql, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($node->poll_query_until('postgres', $sql, $expected), $name)
	  or diag($node->safe_psql('postgres', 'SELECT * FROM pinterest.scan_progress'));
	return;
}

succeeds($node, $entries, '0', 'nothing runs');

#
# What is waited for
#
slow_table('unlisted', 3, { op => 'list', fault => 'hang' });
my $session = start_query('SELECT count(*) FROM unlisted');
becomes(
	q(SELECT wrapper, server, relation, relid::regclass::text = relation, state, waiting_for, bodies, bodies_known, bodies_total IS NULL,
		requests_in_flight, started <= now(), database = current_database(), username = current_user FROM pinterest.scan_progress),
	's3_json|faulty|unlisted|t|waiting|list|0|0|t|1|t|t|t', 'waiting for the listing');
succeeds($node, 'SELECT p.pid = a.pid FROM pinterest.scan_progress p JOIN pg_stat_activity a USING (pid)', 't', 'the pid is the backend\'s');

# From release 17 on, wait events have names
sub wait_event_is
{
	my ($event) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	becomes(
		qq(SELECT bool_or(wait_event = CASE WHEN current_setting('server_version_num')::int < 170000 THEN 'Extension' ELSE '$event' END)
		FROM pg_stat_activity JOIN pinterest.scan_progress USING (pid)),
		't', "wait event $event");
	return;
}
wait_event_is('PinterestList');

# Who may see
succeeds($node, 'SET ROLE watcher; SELECT pid > 0, username, wrapper, server, relation, records, started FROM pinterest.scan_progress',
	"t|$superuser|||||", 'others see that there is a scan, and no more');
succeeds($node, 'SET ROLE monitor; SELECT server, relation FROM pinterest.scan_progress', 'faulty|unlisted', 'pg_read_all_stats sees all');

$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM pinterest.scan_progress');
$session->{run}->finish;
like($session->{stderr}, qr/canceling/, 'cancelled');
succeeds($node, $entries, '0', 'gone after an error');

slow_table('ungiven', 20, { op => 'get', key => 'in/20.json', fault => 'hang' });
$session = start_query('SELECT count(*) FROM ungiven');
becomes(
	'SELECT waiting_for, bodies, bodies_known, bodies_total, bytes, requests_in_flight, retries, rejected FROM pinterest.scan_progress',
	'get|19|20|20|' . (9 * 8 + 10 * 9) * 10 . '|1|0|0', 'waiting for an object');
wait_event_is('PinterestGet');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM pinterest.scan_progress');
$session->{run}->finish;
becomes($entries, '0', 'gone when the backend ends');

$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.max_retries = 100');
slow_table('busy', 3, { op => 'get', fault => 'error', status => 503, code => 'SlowDown' });
$session = start_query('SELECT count(*) FROM busy');
becomes("SELECT waiting_for, retries > 0, requests_in_flight FROM pinterest.scan_progress WHERE waiting_for = 'backoff'",
	'backoff|t|0', 'waiting to try again');
wait_event_is('PinterestBackoff');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM pinterest.scan_progress');
$session->{run}->finish;

#
# Numbers grow, and the end takes them away
#
slow_table('steady', 1000, { op => 'get', fault => 'latency', ms => 50 });
$session = start_query("SET pinterest.s3_connections = 8; SELECT count(*) FROM steady");
my ($last, $grown) = (0, 0);
while ($session->{run}->pumpable)
{
	my $records = $node->safe_psql('postgres', 'SELECT records FROM pinterest.scan_progress') || 0;
	$grown++ if $records > $last;
	$last = $records if $records;
	$session->{run}->pump_nb;
	last if $session->{stdout} ne '';
	sleep 0.1;
}
$session->{run}->finish;
is($session->{stdout}, "10000\n", 'a scan to its end');
cmp_ok($grown, '>=', 3, 'records grow meanwhile');
succeeds($node, $entries, '0', 'gone at the end');

#
# Several scans in one query and a cursor; a subtransaction that fails; EXPLAIN
#
succeeds($node, "SELECT count(*) FROM (SELECT n FROM ungiven WHERE false UNION ALL SELECT 1) s; $entries", "1\n0", 'a scan that never runs');
$fault_server->put('slow-two', 'in/1.json', "{\"n\":1}\n" x 10000);
$node->safe_psql('postgres', q(CREATE FOREIGN TABLE two (n int) SERVER faulty OPTIONS (location 's3://slow-two/in/')));
succeeds(
	$node, qq(
	BEGIN;
	DECLARE a CURSOR FOR SELECT * FROM two;
	DECLARE b CURSOR FOR SELECT * FROM two;
	$entries;
	FETCH a; FETCH b;
	$entries;
	SELECT count(DISTINCT pid), min(state), bool_and(records < 10000) FROM pinterest.scan_progress;
	CLOSE a;
	$entries;
	SAVEPOINT s;
	DECLARE c CURSOR FOR SELECT * FROM two;
	FETCH c;
	$entries;
	ROLLBACK TO s;
	$entries;
	COMMIT;
	$entries),
	join("\n", 0, 1, 1, 2, '1|running|t', 1, 1, 2, 1, 0), 'cursors');
succeeds($node, "EXPLAIN (COSTS off) SELECT * FROM two; $entries", "Foreign Scan on two\n  Location: s3://slow-two/in/\n  Decoded Fields: n\n0", 'EXPLAIN is no scan');

# More scans than entries are no error
my $many = join("\n", map { "DECLARE c$_ CURSOR FOR SELECT * FROM two; FETCH c$_;" } 1 .. 70);
succeeds($node, "SET pinterest.s3_connections = 1; BEGIN; $many $entries; COMMIT; $entries", join("\n", (1) x 70, 64, 0),
	'more scans than are shown');

#
# Names of a database in another encoding
#
my $file = PostgreSQL::Test::Utils::tempdir() . '/two.json';
append_to_file($file, "{\"n\":1}\n{\"n\":2}\n");
$node->safe_psql('postgres', q(CREATE DATABASE other ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
$node->safe_psql('other', qq(
	CREATE EXTENSION pinterest_pipeline;
	CREATE SERVER folder FOREIGN DATA WRAPPER s3_json;
	CREATE FOREIGN TABLE U&"caf\\00E9" (n int) SERVER folder OPTIONS (location 'file://$file')));
$session = start_query('BEGIN; DECLARE a CURSOR FOR SELECT * FROM U&"caf\00E9"; FETCH a; SELECT pg_sleep(60)', 'other');
becomes($entries, '1', 'a scan in another database');
succeeds($node, "SET client_encoding = latin1; SELECT database, server, relation FROM pinterest.scan_progress", 'other|folder|caf?',
	'names that are no text here');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM pinterest.scan_progress');
$session->{run}->finish;
becomes($entries, '0', 'gone when the backend ends with a cursor open');

#
# The server starts over
#
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
$session = start_query("SET pinterest.max_retries = 0; SELECT count(*) FROM unlisted");
becomes($entries, '1', 'a scan runs');
my $pid = $node->safe_psql('postgres', 'SELECT pid FROM pinterest.scan_progress');
kill 'KILL', $pid;
$session->{run}->finish;
# Not by way of standard input, which breaks when the server refuses
my $probe = [ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', 'SELECT 1' ];
for (1 .. 600)
{
	last if IPC::Run::run($probe, '>', \my $answer, '2>', \my $refusal);
	sleep 0.1;
}
succeeds($node, $entries, '0', 'nothing is left after a crash');
succeeds($node, 'SELECT count(*) FROM two', '10000', 'and scans go on');

$node->stop;
done_testing();
