# Streams into folders: the objects that they write, each record in one of them once,
# whatever ends a run.

use strict;
use warnings;

use lib 'test/lib';
use File::Find qw(find);
use IPC::Run;
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('sink');
my $bootstrap = $kafka->bootstrap;
my $files = PostgreSQL::Test::Utils::tempdir('folders');
my $faulty = start_fault_server();

$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
$node->safe_psql('postgres', qq(
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap');
	CREATE SERVER files FOREIGN DATA WRAPPER s3_json));
create_bucket_server($node, 'faulty', $faulty->endpoint);

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

# put TOPIC, PARTITION, N, …: records of these numbers
sub put
{
	my ($topic, $partition, @numbers) = @_;
	return $kafka->produce($topic, [ map { { value => qq({"n":$_}), partition => $partition } } @numbers ]);
}

# sink NAME, TOPICS, PLACE, [ARGUMENTS]: PLACE a folder of files, or a bucket
sub sink
{
	my ($name, $topics, $place, $arguments) = @_;
	my ($server, $location) = $place =~ /^bucket/ ? ('faulty', "s3://$place") : ('files', "file://$files/$place");

	if ($server eq 'files') { mkdir "$files/$place" or die $!; chmod 0777, "$files/$place"; }
	else { $faulty->put($place, 'other', ''); }
	return sql("SELECT pinterest.create_sink('$name', 'kafka', '$topics', '$server', '$location'" . ($arguments ? ", $arguments" : '') . ')');
}

# runs NAME, ROWS, TEST
sub runs
{
	my ($name, $rows, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($rc, $out, $err) = $node->psql('postgres', "CALL pinterest.run_stream('$name')", timeout => 120);
	is($err =~ /NOTICE:  stream "\Q$name\E" has copied (\d+) row/ ? $1 : $err, $rows, $test);
	return;
}

# What a folder holds: PATH below it => BYTES
sub content
{
	my ($place) = @_;
	my %content;

	find({ no_chdir => 1, wanted => sub { $content{ s{^\Q$files/$place/\E}{}r } = slurp_file($_) if -f } }, "$files/$place");
	return \%content;
}

# holds NAME, TOPIC/PARTITION => "FIRST ROWS, …" …: objects, and that each number is at
# its own offset
sub holds
{
	my ($name, $expected, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return succeeds($node, qq(
		SELECT string_agg(format('%s/%s %s %s', topic, partition, first, n), ', ' ORDER BY topic, partition, first)
		FROM (SELECT topic, partition, min("offset") AS first, count(*) AS n FROM ${name}_target GROUP BY topic, partition, path) AS o), $expected, $test);
}

#
# What is written
#
$kafka->create_topic('orders', 2);
$kafka->create_topic('orders.more', 1);
$kafka->create_topic('other', 1);
sink('archive', 'orders|orders[.].*', 'archive', 'flush_size => 3');
runs('archive', 0, 'empty topics');
is_deeply(content('archive'), {}, 'nothing yet');
put('orders', 0, 0 .. 6);
put('orders', 1, 0);
put('orders.more', 0, 0 .. 2);
put('other', 0, 0);
runs('archive', 11, 'all there is');
is_deeply(content('archive'),
	{
		'topics/orders/partition=0/orders+0+0000000000.json' => qq({"n":0}\n{"n":1}\n{"n":2}\n),
		'topics/orders/partition=0/orders+0+0000000003.json' => qq({"n":3}\n{"n":4}\n{"n":5}\n),
		'topics/orders/partition=0/orders+0+0000000006.json' => qq({"n":6}\n),
		'topics/orders/partition=1/orders+1+0000000000.json' => qq({"n":0}\n),
		'topics/orders.more/partition=0/orders.more+0+0000000000.json' => qq({"n":0}\n{"n":1}\n{"n":2}\n),
	}, 'objects as the sink writes them');
runs('archive', 0, 'and nothing twice');
succeeds($node, q(SELECT count(*) FROM pinterest.stream_object), 0, 'nothing is left to be written');
succeeds($node, q(SELECT split, position FROM pinterest.stream_position ORDER BY split), "orders.more/0|3\norders/0|7\norders/1|1", 'positions');
succeeds($node, q(SELECT source, target, rotate_interval, records, rows, rejected FROM pinterest.stream_status),
	'public.archive_source|public.archive_target|00:10:00|11|11|0', 'status');
$kafka->add_partitions('orders', 3);
$kafka->create_topic('orders.new', 1);
put('orders', 2, 0);
put('orders', 0, 7);
put('orders.new', 0, 0, 1);
runs('archive', 4, 'a new partition, and a new topic');
is(content('archive')->{'topics/orders/partition=0/orders+0+0000000007.json'}, qq({"n":7}\n), 'an object of its own for what has come since');
is(content('archive')->{'topics/orders/partition=2/orders+2+0000000000.json'}, qq({"n":0}\n), 'the partition');
is(content('archive')->{'topics/orders.new/partition=0/orders.new+0+0000000000.json'}, qq({"n":0}\n{"n":1}\n), 'the topic');
sql(q(SELECT pinterest.drop_stream('archive')));

# Bytes as they came, and bad records
$kafka->create_topic('odd', 1);
sink('odd', 'odd', 'odd');
$kafka->produce('odd', [ map { { value => $_ } } qq({"a": 1,  "b":"\xC3\xBC"}), qq({\n  "a":\r\n  2\n}\n), '{"a":3', undef, '[{"a":4}]', '"x"', '{"a":5}' ]);
runs('odd', 4, 'records, good and bad');
is_deeply(content('odd'),
	{ 'topics/odd/partition=0/odd+0+0000000000.json' => qq({"a": 1,  "b":"\xC3\xBC"}\n{   "a":    2 } \n[{"a":4}]\n{"a":5}\n) },
	'the bytes, each in one line');
succeeds($node, q(SELECT position, convert_from(bytes, 'UTF8'), error LIKE '%value%' FROM pinterest.dead_letter ORDER BY id),
	qq(2|{"a":3|t\n3||t\n5|"x"|f), 'dead letters');
fails($node, q(SELECT pinterest.replay_dead_letters('odd')), { state => '42809', like => [qr/replay_dead_letters cannot run stream "odd"/] }, 'which are not written again');
fails($node, q(SELECT pinterest.pull_stream('odd')), { state => '42809', like => [qr/HINT:.*run_stream/] }, 'not in a transaction of the caller');
fails($node, q(BEGIN; CALL pinterest.run_stream('odd')), { state => '25001', like => [qr/run_stream cannot run inside a transaction block/] }, 'nor in its block');
sql(q(SELECT pinterest.drop_stream('odd')));

# An error instead
sink('strict', 'odd', 'strict', q(on_error => 'stop'));
fails($node, q(CALL pinterest.run_stream('strict')), { state => '22P02', like => [ qr/invalid JSON record/, qr/topic "odd", partition 0, offset 2/ ] }, 'a bad record that is an error');
sql(q(SELECT pinterest.reset_stream('strict', split => 'odd/0', at => '3')));
fails($node, q(CALL pinterest.run_stream('strict')), { state => '23502', like => [ qr/a record has no value/, qr/topic "odd", partition 0, offset 3/ ] }, 'one without a value');
is_deeply(content('strict'), {}, 'nothing is written');
sql(q(SELECT pinterest.drop_stream('strict')));

# Or nothing
sink('lax', 'odd', 'lax', q(on_error => 'ignore'));
runs('lax', 4, 'bad records that are left out');
succeeds($node, 'SELECT count(*) FROM pinterest.dead_letter', 0, 'and not kept');
sql(q(SELECT pinterest.drop_stream('lax')));

# A server that checks signatures; all topics but those that no scan would see
SKIP:
{
	my $endpoint = start_versitygw() // skip('versitygw could not be built', 3);

	$kafka->create_topic('_hidden', 1);
	put('_hidden', 0, 1);
	mkdir "$files/seed";
	append_to_file("$files/seed/seed", '');
	put_folder($endpoint, 'lake', "$files/seed");
	create_bucket_server($node, 'gateway', $endpoint);
	sql(q(SELECT pinterest.create_sink('lake', 'kafka', '.*', 'gateway', 's3://lake/all/', flush_size => 4)));
	runs('lake', 20, 'all topics, into a bucket');
	runs('lake', 0, 'once');
	holds('lake', join(', ', 'odd/0 0 2, odd/0 4 2', 'orders/0 0 4, orders/0 4 4', 'orders/1 0 1', 'orders/2 0 1', 'orders.more/0 0 3', 'orders.new/0 0 2', 'other/0 0 1'),
		'what is there');
	sql(q(SELECT pinterest.drop_stream('lake')));
}

#
# Runs that end badly
#

# begins SQL: a psql that executes it meanwhile
sub begins
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	return { run => $run, out => \$out, err => \$err };
}

sub ends { my ($begun) = @_; $begun->{run}->finish; return ${ $begun->{out} } =~ s/\s+$//r; }

# The process of the run, when this is true of it
sub running
{
	my ($condition) = @_;
	my $pid = '';

	wait_until { $pid = sql("SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL pinterest.run_stream%' AND $condition"); $pid ne '' } $condition;
	return $pid;
}

sub crash
{
	my ($run, $pid) = @_;

	kill 'KILL', $pid;
	ends($run);
	wait_until { is_up($node) } 'the server is back';
	return;
}

my $offset = 0;
my $waits_for_lock = q(wait_event_type = 'Lock');

sub put_ten { put('crash', $_, $offset .. $offset + 9) foreach 0, 1; $offset += 10; return; }

# holds_all SINK, TEST: each record, in one object, at its offset
sub holds_all
{
	my ($sink, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return succeeds($node, qq(
		SELECT partition, count(*), count(DISTINCT "offset"), min("offset"), max("offset"), bool_and(value = format('{"n":%s}', "offset")::bytea)
		FROM ${sink}_target GROUP BY partition ORDER BY partition),
		join("\n", map { join('|', $_, $offset, $offset, 0, $offset - 1, 't') } 0, 1), $test);
}

$kafka->create_topic('crash', 2);
sink('crash', 'crash', 'bucket-crash', 'flush_size => 3');
sink('files', 'crash', 'files', 'flush_size => 3');
put_ten();
runs($_, 20, "$_: before") foreach qw(crash files);

sql(q(CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN IF NEW."offset" % 10 = 7 AND NEW.partition = 1 THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NEW; END'));

foreach my $sink (qw(crash files))
{
	put_ten() if $sink eq 'crash';

	# Before it is saved what is to be written
	my $session = open_session($node);
	$session->ask('BEGIN; LOCK TABLE pinterest._stream_object IN SHARE MODE');
	my $run = begins("CALL pinterest.run_stream('$sink')");
	crash($run, running($waits_for_lock));
	undef $session;
	succeeds($node, "SELECT count(*) FROM ${sink}_target", 20, "$sink: killed before anything is decided: nothing is written");
	succeeds($node, "SELECT count(*) FROM pinterest.stream_object WHERE stream = '$sink'", 0, "$sink: nor decided");

	# While it is written
	sql("CREATE TRIGGER wait_here BEFORE INSERT ON ${sink}_target FOR EACH ROW EXECUTE FUNCTION wait_here()");
	$session = open_session($node);
	$session->ask('SELECT pg_advisory_lock(1)');
	$run = begins("CALL pinterest.run_stream('$sink')");
	crash($run, running($waits_for_lock));
	undef $session;
	sql("DROP TRIGGER wait_here ON ${sink}_target");
	succeeds($node, "SELECT string_agg(split || ' ' || first || '-' || last, ', ' ORDER BY split, first) FROM pinterest.stream_object WHERE stream = '$sink'",
		join(', ', map { my $p = $_; map { "crash/$p $_" } qw(10-12 13-15 16-18 19-19) } 0, 1), "$sink: killed while it writes: what was decided");
	succeeds($node, "SELECT count(*) > 20 AND count(*) < 40 FROM ${sink}_target", $sink eq 'crash' ? 't' : 'f', "$sink: some of it is there, or nothing");

	# When it is written
	$session = open_session($node);
	$session->ask('BEGIN; LOCK TABLE pinterest._stream_position IN SHARE MODE');
	$run = begins("CALL pinterest.run_stream('$sink')");
	crash($run, running($waits_for_lock));
	undef $session;
	holds_all($sink, "$sink: killed when all is written: it is there");
	runs($sink, 20, "$sink: the next run");
	holds_all($sink, "$sink: has added nothing, and lost nothing");
	succeeds($node, "SELECT count(*) FROM pinterest.stream_object WHERE stream = '$sink'", 0, "$sink: nothing is left to be written");
	succeeds($node, "SELECT rows FROM pinterest.stream_status WHERE stream = '$sink'", 40, "$sink: and the status counts each record once");
}
is_deeply([ grep { /^[.]/ && !/[.]tmp$/ } keys %{ content('files') } ], [], 'no files but those');

# Answers that are lost, and a bucket that hangs
put_ten();
$faulty->fault('bucket-crash', op => 'put', fault => 'lost', times => 2);
runs('crash', 20, 'answers are lost');
holds_all('crash', 'all records, once');
put_ten();
my $before = $faulty->counters('bucket-crash')->{put};
$faulty->fault('bucket-crash', op => 'put', fault => 'hang', after => 3, for => 4000);
my $run = begins(q(CALL pinterest.run_stream('crash')));
wait_until { $faulty->counters('bucket-crash')->{put} > $before + 3 } 'requests that hang';
crash($run, running('true'));
sql(q(SET pinterest.request_timeout = '1s'; CALL pinterest.run_stream('crash')));
holds_all('crash', 'killed while the bucket hangs');

# Cancelled, terminated, refused; then all of that at random
put_ten();
$faulty->fault('bucket-crash', op => 'put', fault => 'error', status => 403, code => 'AccessDenied', after => 3, times => 1);
fails($node, q(CALL pinterest.run_stream('crash')), { state => '42501', like => [ qr/AccessDenied/, qr/stream "crash"/ ] }, 'refused');
$faulty->fault('bucket-crash', op => 'list', fault => 'hang', times => 1);
fails($node, q(SET statement_timeout = '500ms'; CALL pinterest.run_stream('crash')), { state => '57014', within => 3 }, 'cancelled while it looks for what is there');
$faulty->fault('bucket-crash', op => 'put', fault => 'hang', times => 1);
fails($node, q(SET statement_timeout = '500ms'; CALL pinterest.run_stream('crash')), { state => '57014', within => 3 }, 'cancelled while it writes');
runs('crash', 20, 'the next run');
holds_all('crash', 'has it all');
$faulty->fault('bucket-crash', op => 'put', fault => 'latency', ms => 10);
foreach my $round (1 .. 6)
{
	put_ten();
	my @runs = map { begins(q(CALL pinterest.run_stream('crash'))) } 1, 2;
	Time::HiRes::sleep(0.1 + rand(0.3));
	sql(q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL pinterest.run%' ORDER BY random() LIMIT 1));
	ends($_) foreach @runs;
}
sql(q(CALL pinterest.run_stream('crash')));
holds_all('crash', 'runs at random: nothing lost, nothing twice');
succeeds($node, q(SELECT rows FROM pinterest.stream_status WHERE stream = 'crash'), 2 * $offset, 'and what the status says is true');
sql(q(CALL pinterest.run_stream('files')));
holds_all('files', 'another sink of the same topic');


#
# Gaps
#
$kafka->create_topic('gap', 1);
sink('gap', 'gap', 'bucket-gap', 'flush_size => 3');
put('gap', 0, 0 .. 2);
runs('gap', 3, 'before a gap');

# fails_behind_one: a run that has written one object of three
sub fails_behind_one
{
	my ($first) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	put('gap', 0, $first .. $first + 8);
	$faulty->fault('bucket-gap', op => 'put', fault => 'error', status => 403, code => 'AccessDenied', after => 1, times => 1);
	fails($node, q(SET pinterest.s3_connections = 1; CALL pinterest.run_stream('gap')), { state => '42501' }, "a run that fails, from $first on");
	return holds('gap', join(', ', map { my $o = $_ * 3; "gap/0 $o 3" } 0 .. $first / 3), 'behind its first object');
}

fails_behind_one(3);
$kafka->delete_records('gap', { 0 => 6 });
runs('gap', 6, 'records that are gone, but written');
holds('gap', 'gap/0 0 3, gap/0 3 3, gap/0 6 3, gap/0 9 3', 'nothing is missing');
fails_behind_one(12);
$kafka->delete_records('gap', { 0 => 16 });
fails($node, q(CALL pinterest.run_stream('gap')),
	{ state => '55000', like => [ qr/records of split "gap\/0" are gone before stream "gap" has read them/, qr/Positions 15 to 15 are gone/ ] },
	'one that is gone, and was not written');
sql(q(UPDATE pinterest._stream SET on_gap = 'skip' WHERE name = 'gap'));
runs('gap', 5, 'a gap that may be skipped');
succeeds($node, q(SELECT split, first, last FROM pinterest.stream_gap WHERE stream = 'gap'), 'gap/0|15|15', 'is recorded');
succeeds($node, q(SELECT string_agg(convert_from(value, 'UTF8'), '' ORDER BY path, line)
	FROM gap_lines), join('', map { qq({"n":$_}) } 0 .. 14, 16 .. 20), 'around the gap')
  if sql(q(CREATE FOREIGN TABLE gap_lines (path text OPTIONS (metadata 'path'), line bigint OPTIONS (metadata 'line'), value bytea OPTIONS (metadata 'value'))
	SERVER faulty OPTIONS (location 's3://bucket-gap/topics/**'))) eq '';
$kafka->delete_topic('gap');
wait_until { eval { $kafka->create_topic('gap', 1); 1 } } 'a topic of that name';
put('gap', 0, 100 .. 140);
my $made_anew = qr/the target of stream "gap" already has an object for partition 0 of topic "gap" from offset 0 on/;
fails($node, q(CALL pinterest.run_stream('gap')), { state => '55000', like => [$made_anew] }, 'a topic made anew: offsets are not those of before');
succeeds($node, q(SELECT split, first, last FROM pinterest.stream_gap WHERE stream = 'gap' ORDER BY "time" DESC LIMIT 1), 'gap/0|21|', 'which is recorded');
sql(q(SELECT pinterest.drop_stream('gap')));
succeeds($node, q(SELECT count(*) FROM gap_lines), 20, 'no object is replaced');

# Whose objects are they?
sink('mine', 'crash', 'mine');
runs('mine', 2 * $offset, 'a sink');
sql(qq(SELECT pinterest.create_sink('yours', 'kafka', 'crash', 'files', 'file://$files/mine/')));
fails($node, q(CALL pinterest.run_stream('yours')), { state => '55000', like => [qr/the target of stream "yours" already has an object/] }, 'another one into the same folder');
sql(q(SELECT pinterest.reset_stream('mine')));
fails($node, q(CALL pinterest.run_stream('mine')), { state => '55000', like => [ qr/the target of stream "mine" already has an object/, qr/HINT:.*remove the objects/ ] }, 'one that is reset');
sql(q(SELECT pinterest.reset_stream('mine', since => now())));
runs('mine', 0, 'and again, to the end');
sql(q(SELECT pinterest.drop_stream(stream) FROM pinterest.stream_status WHERE stream IN ('mine', 'yours')));

# Offsets that hold no record
$kafka->create_topic('holes', 1);
sink('holes', 'holes', 'holes', 'flush_size => 4');
$kafka->produce('holes', [ map { { value => qq({"n":$_}) } } @{ $_->[1] } ], transaction => $_->[0])
  foreach [ commit => [ 0, 1 ] ], [ abort => [ 2, 3 ] ], [ commit => [ 4, 5, 6 ] ];
runs('holes', 5, 'transactions');
is_deeply(content('holes'),
	{ map { $_->[0] => join('', map { qq({"n":$_}\n) } @{ $_->[1] }) }
		[ 'topics/holes/partition=0/holes+0+0000000000.json', [ 0, 1 ] ], [ 'topics/holes/partition=0/holes+0+0000000006.json', [ 4, 5 ] ],
		[ 'topics/holes/partition=0/holes+0+0000000008.json', [6] ] }, 'objects begin with their first record');
runs('holes', 0, 'and end behind the last');

# Many objects, in several steps; a listing is not read from its beginning
$kafka->create_topic('many', 1);
sink('many', 'many', 'bucket-many', 'flush_size => 1');
$kafka->fill(topic => 'many', count => 1200);
runs('many', 1200, 'many objects');
my $lists = $faulty->counters('bucket-many')->{list};
put('many', 0, 1200);
runs('many', 1, 'one more');
is($faulty->counters('bucket-many')->{list}, $lists + 2, 'two requests tell that it is not there');
succeeds($node, q(SELECT count(*), bool_and(value = format('{"n":%s}', "offset")::bytea) FROM many_target), '1201|t', 'all of them');
$faulty->put('bucket-many', 'topics/many/partition%3D0/many%2B0%2B0000001500.json', '{}');
put('many', 0, 1201);
fails($node, q(CALL pinterest.run_stream('many')), { state => '55000', like => [qr/already has an object for partition 0 of topic "many" from offset 1201 on/] }, 'one of others, further on');

# Tables of one's own, and a query
mkdir "$files/own" or die $!;
chmod 0777, "$files/own";
sql(qq(
	CREATE FOREIGN TABLE own_source (n int, t text OPTIONS (metadata 'topic'), p int OPTIONS (metadata 'partition'), o bigint OPTIONS (metadata 'offset'))
		SERVER kafka OPTIONS (topic 'holes');
	CREATE FOREIGN TABLE own_target (twice int, t text OPTIONS (metadata 'topic'), p int OPTIONS (metadata 'partition'), o bigint OPTIONS (metadata 'offset'))
		SERVER files OPTIONS (location 'file://$files/own/topics/holes/partition=*/', layout 'sink', compression 'gzip');
	SELECT pinterest.create_stream('own', 'own_source', 'own_target', query => 'SELECT n * 2 AS twice, t, p, o FROM own_source WHERE n <> 4');
	SELECT pinterest.create_stream('wrong', 'own_source', 'own_target', query => 'SELECT n AS twice, t, p, o + 100 AS o FROM own_source')));
fails($node, q(CALL pinterest.run_stream('wrong')), { state => '22023', like => [qr/offset 100 of partition 0 of topic "holes" is not that of a record/] }, 'a query that changes offsets');
is_deeply(content('own'), {}, 'writes nothing');
runs('own', 4, 'a query');
is_deeply([ keys %{ content('own') } ], ['topics/holes/partition=0/holes+0+0000000000.json.gz'], 'its object, compressed');
succeeds($node, 'SELECT array_agg(twice ORDER BY twice) FROM own_target', '{0,2,10,12}', 'and what it holds');

#
# In the background
#
sub objects_of { my ($name) = @_; return sql("SELECT string_agg(split || ' ' || first || '-' || coalesce(last::text, ''), ', ' ORDER BY split, first) FROM pinterest.stream_object WHERE stream = '$name'"); }

# comes SINK, OBJECTS, TEST: what is there in the end
sub comes
{
	my ($name, $expected, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_until
	{
		sql(qq(SELECT count(*) FROM ${name}_target)) == ($expected =~ s/.*=//r)
	} $test;
	return holds($name, $expected =~ s/ =.*//r, $test);
}

$kafka->create_topic('steady', 2);
sink('steady', 'steady.*', 'bucket-steady', q(flush_size => 3, rotate_interval => '1 hour'));
put('steady', 0, 0 .. 6);
put('steady', 1, 0);
sql(q(SELECT pinterest.start_stream('steady')));
comes('steady', 'steady/0 0 3, steady/0 3 3 =6', 'a worker writes objects that are full');
wait_until { objects_of('steady') eq 'steady/0 6-, steady/1 0-' } 'the others wait';
my $since = sql(q(SELECT since FROM pinterest.stream_object WHERE split = 'steady/1'));
put('steady', 0, 7 .. 9);
$kafka->create_topic('steady.new', 1);
put('steady.new', 0, 0 .. 3);
comes('steady', 'steady/0 0 3, steady/0 3 3, steady/0 6 3, steady.new/0 0 3 =12', 'what has come since, and a topic that is new');
wait_until { objects_of('steady') eq 'steady.new/0 3-, steady/0 9-, steady/1 0-' } 'the rest waits';
succeeds($node, q(SELECT since FROM pinterest.stream_object WHERE split = 'steady/1'), $since, 'since when');
sql(q(UPDATE pinterest._stream SET rotate_interval = '0' WHERE name = 'steady'));
comes('steady', 'steady/0 0 3, steady/0 3 3, steady/0 6 3, steady/0 9 1, steady/1 0 1, steady.new/0 0 3, steady.new/0 3 1 =15', 'until it has waited long enough');
wait_until { objects_of('steady') eq '' } 'nothing waits';

# What ends a worker, and what does not
$faulty->fault('bucket-steady', op => 'put', fault => 'error', status => 403, code => 'AccessDenied', times => 1);
put('steady', 0, 10 .. 15);
wait_until { sql(q(SELECT state FROM pinterest.stream_status WHERE stream = 'steady')) eq 'failed' } 'a refusal';
like(sql(q(SELECT last_error FROM pinterest.stream_status WHERE stream = 'steady')), qr/AccessDenied/, 'ends the worker');
sql(q(ALTER DATABASE postgres SET pinterest.max_retries = 0));
$faulty->fault('bucket-steady', op => 'put', fault => 'error', status => 503, code => 'SlowDown', times => 2);
sql(q(SELECT pinterest.start_stream('steady')));
wait_until { sql(q(SELECT retries FROM pinterest.stream_status WHERE stream = 'steady')) > 0 } 'a service that is down';
wait_until { sql(q(SELECT state || ' ' || (SELECT count(*) FROM pinterest.stream_object AS o WHERE o.stream = s.stream) FROM pinterest.stream_status AS s WHERE stream = 'steady')) eq 'running 0' } 'does not';
succeeds($node, q(SELECT count(*), count(DISTINCT "offset"), max("offset") FROM steady_target WHERE topic = 'steady' AND partition = 0), '16|16|15', 'nothing lost, nothing twice');
foreach my $round (1 .. 3)
{
	put('steady', 1, $round * 10 - 9 .. $round * 10);
	Time::HiRes::sleep(rand(0.5));
	my $pid = sql(q(SELECT pid FROM pinterest.stream_status WHERE stream = 'steady'));
	kill 'KILL', $pid if $pid ne '';
	wait_until { is_up($node) } 'the server is back';
	sql(q(SELECT pinterest.start_stream('steady')));
}
wait_until { sql(q(SELECT count(*) FROM steady_target WHERE partition = 1)) >= 31 } 'all records';
succeeds($node, q(SELECT count(*), count(DISTINCT "offset"), max("offset") FROM steady_target WHERE partition = 1), '31|31|30', 'workers that are killed: nothing lost, nothing twice');
sql(q(SELECT pinterest.stop_stream('steady')));
put('steady', 0, 16);
runs('steady', 1, 'a run, when the worker has stopped');

done_testing();
