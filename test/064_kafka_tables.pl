# What stands around the tables of a real cluster: check_server, IMPORT FOREIGN SCHEMA
# and ANALYZE.

use strict;
use warnings;

use lib 'test/lib';
use IO::Socket::INET ();
use KafkaTest;
use PinterestTest;
use Test::More;

my $kafka = start_kafka(listeners => [qw(sasl tls)]);

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('kafka_tables');
my $bootstrap = $kafka->bootstrap;
my @names = ('options', 'name lookup', 'connection', 'TLS', 'sign-in', 'brokers', 'list', 'first record');

sub create_server
{
	my ($name, $servers, %options) = @_;
	my $more = join('', map { qq(, "$_" '$options{$_}') } sort keys %options);
	$node->safe_psql('postgres',
		qq(CREATE SERVER $name FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$servers'$more)));
	return;
}

# checks SERVER, TOPIC, {step => [outcome, pattern of detail and hint]}, NAME: steps
# that are not named must be ok, or skipped where there is neither TLS nor sign-in
sub checks
{
	my ($server, $topic, $expected, $name) = @_;
	my $argument = defined $topic ? ", '$topic'" : '';
	my @wrong;
	my @seen;
	my $rows = $node->safe_psql('postgres', "SELECT * FROM pinterest.check_server('$server'$argument)");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $line (split /\n/, $rows)
	{
		my ($step, $outcome, undef, $text) = split /\|/, $line, 4;
		my ($wanted, $like) = @{ $expected->{$step} // [ $step =~ /^(?:TLS|sign-in)$/ ? 'skipped' : 'ok' ] };

		push @seen, $step;
		push @wrong, "$step: $outcome" if $outcome ne $wanted;
		push @wrong, "$step does not match $like" if defined $like && $text !~ $like;
		push @wrong, "$step has no hint" if $outcome eq 'failed' && $text =~ /\|$/;
	}
	push @wrong, 'a secret is shown' if $rows =~ /hush-hush|alice-secret/;
	push @wrong, "steps: @seen" if "@seen" ne "@names";
	ok(!@wrong, $name) or diag(join("\n", @wrong, $rows));
	return;
}

sub skipped { return map { $_ => [ 'skipped', qr/depends on step|nothing to try/ ] } @_; }

#
# check_server
#
create_server('kafka', "nowhere.invalid:9092,$bootstrap");
$kafka->create_topic('filled', 3);
$kafka->fill(topic => 'filled', count => 2000);
$kafka->create_topic('empty', 2);
checks('kafka', undef, { 'list' => [ 'ok', qr/may see: 2/ ], skipped('first record') }, 'a cluster');
checks('kafka', 'filled',
	{ 'name lookup' => [ 'ok', qr/1 of 2.*nowhere/ ], 'list' => [ 'ok', qr/3 partitions and 2000 offsets/ ], 'first record' => [ 'ok', qr/partition \d, offset/ ] },
	'a topic');
checks('kafka', '^fil', { 'list' => [ 'ok', qr/: 1, with 3/ ] }, 'a pattern');
checks('kafka', 'empty', { 'list' => [ 'ok', qr/2 partitions and 0/ ], skipped('first record') }, 'an empty topic');
checks('kafka', 'missing', { 'list' => [ 'failed', qr/no such topic/ ], skipped('first record') }, 'no such topic');
checks('kafka', 'a b', { 'options' => [ 'failed', qr/Invalid value for option "topic"/ ], skipped(@names[ 1 .. 7 ]) },
	'no name of a topic');

my @after_connection = skipped(@names[ 3 .. 7 ]);
my @after_sign_in = skipped(@names[ 5 .. 7 ]);
create_server('nowhere', 'nowhere.invalid');
checks('nowhere', undef, { 'name lookup' => [ 'failed', qr/nowhere\.invalid:9092.*resolve/ ], skipped('connection'), @after_connection },
	'an unknown host');
create_server('closed', '127.0.0.1:1');
checks('closed', undef, { 'connection' => [ 'failed', qr/127\.0\.0\.1:1".*bootstrap\.servers/ ], @after_connection },
	'a closed port');
create_server('protected', $kafka->bootstrap('sasl'));
checks('protected', undef, { 'brokers' => [ 'failed', qr/security\.protocol/ ], skipped('list', 'first record') },
	'a port that wants a sign-in');

# TLS and signing in
my %tls = ('security.protocol' => 'ssl', 'ssl.ca.location' => $kafka->tls_file('ca.pem'));
create_server('tls', $kafka->bootstrap('tls'), %tls);
checks('tls', 'filled', { 'TLS' => ['ok'], }, 'a cluster with TLS');
create_server('stranger', $kafka->bootstrap('tls'), 'security.protocol' => 'ssl');
checks('stranger', undef, { @after_connection, 'TLS' => [ 'failed', qr/certificate verify failed.*ssl\.ca\.location/ ] },
	'an authority that nobody knows');
create_server('no_file', $kafka->bootstrap('tls'), %tls, 'ssl.ca.location' => '/nowhere/ca.pem');
checks('no_file', undef, { @after_connection, 'TLS' => [ 'failed', qr/ssl\.ca\.location/ ] }, 'no file of authorities');
create_server('no_tls', $bootstrap, %tls);
checks('no_tls', undef, { @after_connection, 'TLS' => [ 'failed', qr/handshake failed/ ] }, 'no TLS where it is wanted');
create_server('signed', $kafka->bootstrap('sasl'), 'security.protocol' => 'sasl_plaintext', 'sasl.mechanism' => 'PLAIN');
checks('signed', undef, { 'sign-in' => [ 'failed', qr/no option "sasl\.username".*USER MAPPING/ ], @after_sign_in }, 'no user mapping');
$node->safe_psql('postgres', q(CREATE USER MAPPING FOR CURRENT_USER SERVER signed OPTIONS ("sasl.username" 'alice', "sasl.password" 'hush-hush')));
checks('signed', undef, { 'sign-in' => [ 'failed', qr/Invalid username or password.*sasl\.password/ ], @after_sign_in }, 'a wrong password');
$node->safe_psql('postgres', q(ALTER USER MAPPING FOR CURRENT_USER SERVER signed OPTIONS (SET "sasl.password" 'alice-secret')));
checks('signed', 'filled', { 'sign-in' => ['ok'] }, 'the right one');

# Takes connections, and says nothing
my $mute = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
create_server('mute', '127.0.0.1:' . $mute->sockport);
fails($node, q(SET statement_timeout = 500; SELECT * FROM pinterest.check_server('mute')),
	{ state => '57014', within => 3 }, 'a check is cancelled');

$node->safe_psql('postgres', q(CREATE ROLE other; GRANT USAGE ON FOREIGN DATA WRAPPER kafka_json TO other; SET ROLE other;
	CREATE SERVER theirs FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '127.0.0.1:9')));
checks('theirs', undef, { 'connection' => [ 'failed', qr/loopback.*superuser/i ], @after_connection },
	'a loopback address of a server that no superuser owns');

#
# IMPORT FOREIGN SCHEMA
#
$kafka->create_topic("u1.$_", 2) foreach qw(pin Geo user);
$kafka->produce('u1.pin', [
	(map { { value => '{"index":1,"old":true}', partition => 0 } } 1 .. 300),
	(map { { value => '{"index":3000000000,"title":"x","tags":[1]}', partition => 0 } } 1 .. 100),
	{ value => undef, partition => 1 }, { value => 'no JSON', partition => 1 }, { value => '{"index":2,"price":1.5}', partition => 1 } ]);
$kafka->produce("u1.Geo", [ { value => '{"ind":1,"Country":"x"}' } ]);
$node->safe_psql('postgres', q(CREATE SCHEMA u1; CREATE SCHEMA two; CREATE SCHEMA three;
	IMPORT FOREIGN SCHEMA u1 FROM SERVER kafka INTO u1 OPTIONS (sample_rows '10');
	IMPORT FOREIGN SCHEMA "^u1[.](pin|Geo)$" LIMIT TO ("u1.Geo") FROM SERVER kafka INTO two OPTIONS (metadata 'true', on_error 'ignore');
	IMPORT FOREIGN SCHEMA "." EXCEPT ("u1.pin", empty) FROM SERVER kafka INTO three));
my $columns = q(SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attname COLLATE "C")
	FROM pg_attribute WHERE attnum > 0 AND attrelid = );
succeeds($node, "$columns 'u1.pin'::regclass", 'index bigint, price double precision, tags jsonb, title text',
	'columns are those of the newest records of all partitions');
succeeds($node, q(SELECT string_agg(format('%s %s', ftrelid::regclass, ftoptions), ', ' ORDER BY ftrelid::regclass::text COLLATE "C") FROM pg_foreign_table),
	'three."u1.geo" {topic=u1.Geo}, three.filled {topic=filled}, two."u1.Geo" {topic=u1.Geo,on_error=ignore}, u1.geo {topic=u1.Geo}, u1.pin {topic=u1.pin}',
	'tables are named after the topics, without the schema');
succeeds($node, "$columns 'two.\"u1.Geo\"'::regclass",
	'country text, ind integer, record_error text, record_headers json, record_key bytea, record_offset bigint, record_partition integer, '
	  . 'record_timestamp timestamp with time zone, record_timestamp_type text, record_topic text, record_value bytea',
	'columns for metadata, if asked for');
succeeds($node, 'SELECT country, ind, record_partition IS NULL FROM two."u1.Geo"', 'x|1|f', 'an imported table works');
fails($node, 'IMPORT FOREIGN SCHEMA "^(" FROM SERVER kafka INTO u1', { state => '2201B' }, 'an impossible pattern');
fails($node, 'IMPORT FOREIGN SCHEMA "." FROM SERVER kafka INTO u1 OPTIONS (sample_objects \'1\')',
	{ state => 'HV00D', like => [qr/sample_objects/] }, 'topics have no objects');
fails($node, q(SET statement_timeout = 500; IMPORT FOREIGN SCHEMA "." FROM SERVER mute INTO u1), { state => '57014', within => 3 },
	'an import is cancelled');
my (undef, undef, $stderr) = $node->psql('postgres', 'IMPORT FOREIGN SCHEMA "nobody" FROM SERVER kafka INTO u1');
like($stderr, qr/NOTICE:  no topic belongs to remote schema "nobody"/, 'nothing there');

#
# ANALYZE
#
sub rows_of { return $node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE oid = '$_[0]'::regclass"); }

$kafka->create_topic('large', 4);
$kafka->fill(topic => 'large', count => 100_000);
$node->safe_psql('postgres', q(
	CREATE FOREIGN TABLE filled (n int, p int OPTIONS (metadata 'partition')) SERVER kafka OPTIONS (topic 'filled');
	CREATE FOREIGN TABLE large (n int) SERVER kafka OPTIONS (topic 'large');
	CREATE FOREIGN TABLE none (n int) SERVER kafka OPTIONS (topic 'empty');
	ALTER TABLE large ALTER n SET STATISTICS 10;
	ANALYZE filled, none, large));
is(rows_of('filled'), '2000', 'a small topic is counted');
is(rows_of('none'), '0', 'an empty one too');
ok(abs(rows_of('large') - 100_000) < 5_000, 'a large one is estimated') or diag(rows_of('large'));
succeeds($node, q(SELECT tablename, n_distinct FROM pg_stats WHERE tablename IN ('filled', 'large') AND attname = 'n' ORDER BY 1),
	"filled|-1\nlarge|-1", 'columns have statistics');
succeeds($node, q(SELECT (histogram_bounds::text::int[])[1] < 20000, (histogram_bounds::text::int[])[array_upper(histogram_bounds::text::int[], 1)] > 80000
	FROM pg_stats WHERE tablename = 'large'), 't|t', 'the sample is from everywhere');
succeeds($node, q(SELECT relpages > 0 FROM pg_class WHERE relname = 'large'), 't', 'it has a size');
(undef, undef, $stderr) = $node->psql('postgres', 'ANALYZE VERBOSE large');
like($stderr, qr/read (?:3\d\d\d) of 100000 positions/, 'little of it is read');
$node->safe_psql('postgres', q(CREATE TABLE parent (n int); ALTER FOREIGN TABLE large INHERIT parent; ANALYZE parent));
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_stats WHERE tablename = 'parent' AND inherited)), '1', 'as a child table');
$node->safe_psql('postgres', q(CREATE FOREIGN TABLE waits (n int) SERVER mute OPTIONS (topic 't')));
fails($node, q(SET statement_timeout = 500; ANALYZE waits), { state => '57014', within => 3 }, 'ANALYZE is cancelled');

done_testing();
