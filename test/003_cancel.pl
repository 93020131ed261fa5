# Every wait can be cancelled, quickly, and leaves nothing behind: the session
# goes on, and the connection to the store is closed.  The bounds are generous;
# what is aimed at is a second.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time sleep);

my $node = new_node('cancel');
my $fault_server = start_fault_server();
my $within = 5;
my $number = 0;

create_bucket_server($node, 'faulty', $fault_server->endpoint);

# So many that no series of short random pauses is over before it is cancelled
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.max_retries = 100');

# Ways to wait, each as a fault of a fresh bucket
my @waits = (
	[ 'no answer to a listing', { op => 'list', fault => 'hang' } ],
	[ 'half a listing', { op => 'list', fault => 'hang_body' } ],
	[ 'no answer to a GET', { op => 'get', fault => 'hang' } ],
	[ 'half an object', { op => 'get', fault => 'hang_body' } ],
	[ 'pauses between retries', { op => 'any', fault => 'error', status => 503, code => 'SlowDown' } ],);

sub waiting_table
{
	my ($fault) = @_;
	my $bucket = sprintf('cancel-%d', ++$number);

	$fault_server->put($bucket, "in/$_.json", "{\"n\":$_}\n" x 1000) foreach 1 .. 3;
	$fault_server->fault($bucket, %$fault);
	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int) SERVER faulty OPTIONS (location 's3://$bucket/in/');));
	return $bucket;
}

# A psql in the background that has sent a request to the bucket
sub start_query
{
	my ($bucket, $sql) = @_;
	my $session = { stdout => '', stderr => '' };

	$session->{run} = IPC::Run::start(
		[ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres') ],
		'<', \$sql, '>', \$session->{stdout}, '2>', \$session->{stderr}, IPC::Run::timeout(60));
	for (1 .. 500)
	{
		last if $fault_server->counters($bucket)->{list} > 0;
		$session->{run}->pump_nb;
		last if !$session->{run}->pumpable;
		sleep 0.02;
	}
	# Far enough to wait for what it will not get
	sleep 0.2;
	return $session;
}

my $backend = q(SELECT %s(pid) FROM pg_stat_activity WHERE query LIKE '%%FROM t%%' AND pid <> pg_backend_pid() AND backend_type = 'client backend');

foreach my $wait (@waits)
{
	my ($name, $fault) = @$wait;

	my $bucket = waiting_table($fault);
	fails($node, "SET statement_timeout = '300ms'; SELECT sum(n) FROM t",
		{ state => '57014', like => [qr/statement timeout/], within => $within + 0.3 },
		"$name: statement_timeout");

	$bucket = waiting_table($fault);
	my $session = start_query($bucket, "SELECT sum(n) FROM t;\nSELECT 'goes on';\n");
	my $elapsed = elapsed_of
	{
		$node->safe_psql('postgres', sprintf($backend, 'pg_cancel_backend'));
		$session->{run}->finish;
	};
	like($session->{stderr}, qr/ERROR:  57014:/, "$name: pg_cancel_backend");
	cmp_ok($elapsed, '<', $within, "$name: cancelled in time");
	is($session->{stdout}, "goes on\n", "$name: the session goes on");
	note("$name: cancelled in $elapsed s");
	for (1 .. 250)
	{
		last if $fault_server->counters($bucket)->{in_flight} == 0;
		sleep 0.02;
	}
	is($fault_server->counters($bucket)->{in_flight}, 0, "$name: no request is left open");
}

# The session that was cancelled can ask another bucket, and the same one again
my $bucket = waiting_table({ op => 'get', fault => 'hang', times => 1 });
my ($stdout, $stderr);
$node->psql(
	'postgres',
	"SET statement_timeout = '300ms'; SELECT sum(n) FROM t;
	 RESET statement_timeout; SELECT sum(n) FROM t;",
	on_error_stop => 0, stdout => \$stdout, stderr => \$stderr, timeout => 60, timed_out => \my $timed_out);
is($stdout, '6000', 'after a cancel the same session reads everything');

# Terminating a backend, and shutting the server down
$bucket = waiting_table({ op => 'get', fault => 'hang' });
my $session = start_query($bucket, "SELECT sum(n) FROM t;\n");
my $elapsed = elapsed_of
{
	$node->safe_psql('postgres', sprintf($backend, 'pg_terminate_backend'));
	eval { $session->{run}->finish };
};
like($session->{stderr}, qr/FATAL:  57P01:/, 'pg_terminate_backend');
cmp_ok($elapsed, '<', $within, 'terminated in time');

$bucket = waiting_table({ op => 'list', fault => 'hang' });
$session = start_query($bucket, "SELECT sum(n) FROM t;\n");
$elapsed = elapsed_of { $node->stop('fast') };
eval { $session->{run}->finish };
cmp_ok($elapsed, '<', $within, 'a fast shutdown is not held up');

done_testing();
