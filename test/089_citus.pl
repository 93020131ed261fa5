# Streams into the distributed tables of a Citus cluster: a coordinator and two
# nodes.  Citus must be installed where the server looks for extensions.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

chomp(my $sharedir = `pg_config --sharedir`);
plan skip_all => 'Citus is not installed' if !-f "$sharedir/extension/citus.control";

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

# A node of the cluster
sub start_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', join("\n",
		q(shared_preload_libraries = 'citus, pinterest_pipeline'), q(pinterest.launcher_naptime = '1s'), q(pinterest.request_timeout = '5s'),
		'max_worker_processes = 16', 'max_prepared_transactions = 50', q(timezone = 'UTC'), 'jit = off', @settings, ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION citus');
	return $node;
}

my $node = start_node('coordinator', q(synchronous_standby_names = 'nobody'), 'synchronous_commit = local');
my @others = map { start_node($_) } qw(left right);

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }
sub on { my ($other, $sql) = @_; return $other->safe_psql('postgres', $sql); }
sub status { my ($name, $column) = @_; return sql("SELECT $column FROM pinterest.stream_status WHERE stream = '$name'"); }

sql(join(';', sprintf(q(SELECT citus_set_coordinator_host('%s', %d)), $node->host, $node->port),
	map { sprintf(q(SELECT citus_add_node('%s', %d)), $_->host, $_->port) } @others));
sql(qq(CREATE EXTENSION pinterest_pipeline;
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '@{[ $kafka->bootstrap ]}')));
$kafka->create_topic('orders', 4);
my $source = q(CREATE FOREIGN TABLE orders_source (n int, t text, p int OPTIONS (metadata 'partition'), o bigint OPTIONS (metadata 'offset'))
	SERVER kafka OPTIONS (topic 'orders'));
sql($source);

# distributed NAME, COLUMNS: a table of the cluster
sub distributed
{
	my ($name, $columns) = @_;
	return sql("CREATE TABLE $name ($columns); SELECT create_distributed_table('$name', 'n', shard_count => 4)");
}

# Records of the next numbers, spread over the partitions
my $last = 0;
sub put
{
	my ($count) = @_;

	$kafka->produce('orders', [ map { { value => qq({"n":$_,"t":"x$_"}), partition => $_ % 4 } } $last + 1 .. $last + $count ]);
	return $last += $count;
}

# holds_all NAME, TEST: each record once
sub holds_all
{
	my ($name, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return succeeds($node, "SELECT count(*), count(DISTINCT n), coalesce(sum(n), 0) FROM $name", join('|', $last, $last, $last * ($last + 1) / 2), $test);
}

# What was prepared on the nodes when something was killed is over
sub recover
{
	my @nodes = @_ ? @_ : @others;

	wait_until { sql('SELECT recover_prepared_transactions()'); !grep { on($_, 'SELECT count(*) FROM pg_prepared_xacts') > 0 } @nodes } 'prepared transactions are over';
	return;
}

# As soon as the last process of the killed server has ended
sub start_again
{
	my ($other) = @_;

	return wait_until { $other->{_pid} = undef; $other->start(fail_ok => 1) } 'the server is back';
}

#
# Rows go to all nodes
#
distributed('orders', 'n int, t text');
sql(qq(SELECT pinterest.create_stream('orders $_', 'orders_source', 'orders', splits => '$_', batch_wait => '100 ms'))) foreach '1/2', '2/2';
put(200);
succeeds($node, qq(SELECT pinterest.pull_stream('orders $_')), 100, "share $_") foreach '1/2', '2/2';
holds_all('orders', 'both shares');
succeeds($node, q(SELECT count(*) FROM (SELECT DISTINCT nodeport FROM citus_shards WHERE table_name = 'orders'::regclass) AS n), 2, 'on two nodes');
is(status('orders 1/2', 'records, rows, rejected'), '100|100|0', 'status');
sql(q(BEGIN; SELECT pinterest.reset_stream('orders 1/2'); SELECT pinterest.pull_stream('orders 1/2'); ROLLBACK));
holds_all('orders', 'rows that are rolled back');
sql(q(CALL pinterest.run_stream('orders 1/2')));
holds_all('orders', 'nothing new');
sql(q(SELECT pinterest.start_stream(stream) FROM pinterest.stream_status));
put(200);
wait_until { sql('SELECT count(*) FROM orders') == $last } 'workers copy';
holds_all('orders', 'in the background');

# Keys
distributed('latest', 'n int PRIMARY KEY, t text, times int DEFAULT 1');
sql(q(SELECT pinterest.create_stream('latest', 'orders_source', 'latest', key_columns => '{n}', query => 'SELECT n % 100 AS n, max(t) AS t FROM orders_source GROUP BY 1')));
succeeds($node, q(SELECT pinterest.pull_stream('latest')), 100, 'a query with keys');
put(4);
succeeds($node, q(SELECT pinterest.pull_stream('latest')), 4, 'the same keys again');
succeeds($node, q(SELECT count(*), string_agg(t, ' ' ORDER BY n) FILTER (WHERE n <= 4) FROM latest), "100|x400 x401 x402 x403 x404", 'update their rows');
sql('CREATE TABLE everywhere (n int PRIMARY KEY, t text); SELECT create_reference_table(\'everywhere\')');
sql(q(SELECT pinterest.create_stream('everywhere', 'orders_source', 'everywhere', key_columns => '{n}')));
succeeds($node, q(SELECT pinterest.pull_stream('everywhere')), $last, 'a reference table');
holds_all('everywhere', 'which has each record once');

# Joins with tables of the cluster
sql('CREATE TABLE here (n int, t text)');
foreach my $name (qw(orders everywhere))
{
	sql(qq(SELECT pinterest.create_stream('joined', 'orders_source', 'here', query => 'SELECT n, o.t FROM orders_source JOIN $name AS o USING (n)')));
	succeeds($node, q(SELECT pinterest.pull_stream('joined')), $last, "joined with $name");
	holds_all('here', 'once');
	sql(q(SELECT pinterest.drop_stream('joined'); TRUNCATE here));
}

# Rows that a node refuses
distributed('checked', 'n int NOT NULL CHECK (n % 100 <> 0), t text');
sql(q(SELECT pinterest.create_stream('checked', 'orders_source', 'checked')));
succeeds($node, q(SELECT pinterest.pull_stream('checked')), 400, 'rows that nodes refuse');
succeeds($node, q(SELECT string_agg(convert_from(bytes, 'UTF8'), ' ' ORDER BY id) FROM pinterest.dead_letter WHERE stream = 'checked'),
	join(' ', map { qq({"n":$_,"t":"x$_"}) } 100, 200, 300, 400), 'are dead letters');
succeeds($node, q(SELECT count(*) FROM pinterest.dead_letter WHERE stream = 'checked' AND error ~ 'violates check constraint "checked_n_check"'), 4, 'which say why');
sql('ALTER TABLE checked DROP CONSTRAINT checked_n_check');
succeeds($node, q(SELECT pinterest.replay_dead_letters('checked')), 4, 'used when the constraint is gone');
holds_all('checked', 'all of them');

# What cannot be
fails($node, q(SELECT pinterest.create_stream('no', 'orders_source', 'orders', query => 'SELECT t FROM orders_source')),
	{ state => '42703', like => [qr/column "n", by which public\.orders is distributed, is not among the columns of stream "no"/] }, 'rows that do not say where they go');
fails($node, q(SELECT pinterest.create_stream('no', 'orders_source', 'orders', key_columns => '{n}')), { state => '42P10' }, 'keys without an index');
fails($node, q(SELECT pinterest.create_stream('no', 'orders_source', 'orders', query => 'SELECT a.n, b.t FROM orders_source AS a JOIN orders_source AS b USING (n)')),
	{ state => '0A000', like => [qr/reads its source "orders_source" more than once/] }, 'a source that is read twice');
fails($node, q(SELECT pinterest.create_stream('no', 'orders_source', 'orders', query => 'SELECT n, t FROM latest')),
	{ state => '0A000', like => [qr/does not read its source/] }, 'or not at all');

#
# A node that goes while rows are copied to it
#
# hangs NODE: locks the shards of a node; returns the session that does it
sub hangs
{
	my ($other) = @_;
	my $session = open_session($other);
	my $shards = on($other, q(SELECT string_agg(shard_name, ', ') FROM citus_shards WHERE table_name = 'orders'::regclass AND nodeport = current_setting('port')::int));

	$session->ask("SET citus.enable_manual_changes_to_shards = on; BEGIN; LOCK TABLE $shards IN ACCESS EXCLUSIVE MODE");
	return $session;
}

my $waiting = q(SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND backend_type = 'client backend' AND query LIKE 'COPY%');

foreach my $other (@others)
{
	my $session = hangs($other);
	put(100);
	wait_until { on($other, $waiting) eq 't' } 'rows wait on a node';
	$other->kill9;
	undef $session;
	start_again($other);
	wait_until { sql('SELECT count(*) FROM orders') == $last } 'and back';
	holds_all('orders', 'a node was killed: nothing lost, nothing twice');
}
wait_until { sql(q(SELECT string_agg(DISTINCT state, ' ') FROM pinterest.stream_status WHERE stream LIKE 'orders%')) eq 'running' } 'the streams run';
sql(q(SELECT pinterest.stop_stream(stream) FROM pinterest.stream_status WHERE stream LIKE 'orders%'));

#
# A coordinator that goes between the two phases
#
# begins SQL, …: a psql that executes it meanwhile
sub begins
{
	my @sql = @_;
	my $out = '';

	return IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), map { ('-c', $_) } @sql ],
		'<', \undef, '>&', \$out, IPC::Run::timeout(120));
}

my $prepared = sub { my $count = 0; $count += on($_, 'SELECT count(*) FROM pg_prepared_xacts') foreach @others; return $count > 0; };
my $pull = q(BEGIN; NOTIFY n; SELECT pinterest.pull_stream('orders 1/2'), pinterest.pull_stream('orders 2/2'); COMMIT);

# With this, a commit waits for a standby that there is not: once it is written.  Those
# that notify as well wait for each other before that, when their nodes have prepared.
my $waits = 'SET synchronous_commit = on';
sub waits_for { my ($event) = @_; wait_until { sql("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = '$event'") eq 't' } "it waits for $event"; return; }

sub crash
{
	my @runs = @_;

	$node->kill9;
	$_->finish foreach @runs;
	start_again($node);
	recover();
	return;
}

my $before = $last;
put(100);
my $first = begins($waits, 'NOTIFY n; INSERT INTO here VALUES (0)');
waits_for('SyncRep');
my $second = begins($pull);
wait_until { $prepared->() } 'the nodes have prepared';
waits_for('object');
crash($first, $second);
succeeds($node, 'SELECT count(*), max(n) FROM orders', "$before|$before", 'killed before it commits: no rows');
succeeds($node, q(SELECT pinterest.pull_stream('orders 1/2') + pinterest.pull_stream('orders 2/2')), 100, 'the next run copies them');
holds_all('orders', 'once');

put(100);
$first = begins($waits, $pull);
waits_for('SyncRep');
ok($prepared->(), 'the nodes have prepared');
crash($first);
holds_all('orders', 'killed when it has committed: all rows are there');
succeeds($node, q(SELECT pinterest.pull_stream('orders 1/2') + pinterest.pull_stream('orders 2/2')), 0, 'and are not copied again');

# A node that has prepared
put(100);
$first = begins($waits, $pull);
waits_for('SyncRep');
$others[0]->kill9;
sql(q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'));
$first->finish;
start_again($others[0]);
recover();
holds_all('orders', 'a node was killed when it had prepared: all rows are there');

# Single rows, which go to one node
foreach (1 .. 3)
{
	put(1);
	$first = begins($waits, $pull);
	waits_for('SyncRep');
	ok($prepared->(), 'one row: its node has prepared');
	crash($first);
}
holds_all('orders', 'rows that go to one node');

#
# Streams of the nodes themselves
#
distributed('each', 'n int PRIMARY KEY, t text');
foreach my $i (0, 1)
{
	my $share = $i + 1 . '/2';

	on($others[$i], $source);
	on($others[$i], qq(SELECT pinterest.create_stream('each', 'orders_source', 'each', splits => '$share', batch_wait => '100 ms', batch_rows => 50)));
	is(on($others[$i], q(SELECT pinterest.pull_stream('each', 10))), 10, "a run of node $share");
	on($others[$i], q(SELECT pinterest.start_stream('each')));
}
put(100);
wait_until { sql('SELECT count(*) FROM each') == $last } 'their workers copy';
holds_all('each', 'each record, from both nodes');
is(on($_, q(SELECT state, last_error IS NULL FROM pinterest.stream_status)), 'running|t', 'without an error') foreach @others;
# A process that waits for a standby outlives the server, and then commits without it
my $outlived = qr/PANIC:  cannot abort transaction \d+, it was already committed/;
unlike(slurp_file($_->logfile) =~ s/$outlived//gr, qr/PANIC|TRAP|server process .* was terminated by signal 11/, 'no crash') foreach $node, @others;

done_testing();
