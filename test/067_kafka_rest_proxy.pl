# INSERT through a Kafka REST proxy: the requests it gets, and what becomes of a
# statement when it refuses some or all of them.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use MIME::Base64 qw(encode_base64);
use PinterestTest;
use Test::More;

# The listener is not used, but its certificates are
my $kafka = start_kafka(listeners => ['tls']);

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $proxy = start_rest_proxy($kafka);
my $node = new_node('kafka_rest_proxy');
my ($url, $bootstrap) = ($proxy->endpoint, $kafka->bootstrap);
my $sent = qr{^POST /topics/posts application/vnd\.kafka\.json\.v2\+json (\d+) (\d+)$}m;

$kafka->create_topic('posts', 3);
$kafka->create_topic('large');
$node->safe_psql(
	'postgres', qq(
	CREATE SERVER gateway FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap', rest_proxy '$url');
	CREATE FOREIGN TABLE posts (n int, t text, topic text OPTIONS (metadata 'topic'), key bytea OPTIONS (metadata 'key'),
		partition int OPTIONS (metadata 'partition'), headers json OPTIONS (metadata 'headers'),
		at timestamptz OPTIONS (metadata 'timestamp'), pos bigint OPTIONS (metadata 'offset'))
		SERVER gateway OPTIONS (topic 'posts');
	CREATE FOREIGN TABLE raw (n int, value json OPTIONS (metadata 'value'), partition int OPTIONS (metadata 'partition'))
		SERVER gateway OPTIONS (topic 'posts');
	CREATE FOREIGN TABLE large (t text) SERVER gateway OPTIONS (topic 'large');
	CREATE FOREIGN TABLE nowhere (n int) SERVER gateway OPTIONS (topic 'nowhere');
	CREATE FOREIGN TABLE several (n int, topic text OPTIONS (metadata 'topic')) SERVER gateway OPTIONS (topic '^post');));

# What the topic has got since the last time
my %ends;

sub new_messages
{
	my @all = @{ $kafka->consume('posts') };
	my @new = grep { $_->{offset} >= ($ends{ $_->{partition} } // 0) } @all;

	$ends{ $_->{partition} } = $_->{offset} + 1 foreach @all;
	return \@new;
}

sub reset_proxy
{
	$proxy->reset;
	$proxy->log;
	return new_messages();
}

#
# What is sent
#
$node->safe_psql('postgres', q(INSERT INTO posts (n, t, partition, key) VALUES (1, 'é"', 1, 'k'), (2, NULL, 1, NULL), (3, 'x', 2, '')));
is($proxy->log, "GET /topics/posts - 0 200\nPOST /topics/posts application/vnd.kafka.json.v2+json 3 200\n", 'the topic is looked up, and rows go together');
is_deeply(
	[ map { [ @$_{qw(partition value key)} ] } @{ new_messages() } ],
	[ [ 1, "{\"n\":1,\"t\":\"\xc3\xa9\\\"\"}", '"k"' ], [ 1, '{"n":2,"t":null}', undef ], [ 2, '{"n":3,"t":"x"}', '""' ] ],
	'records, keys and partitions');
$node->safe_psql('postgres', q(INSERT INTO raw (value, partition) VALUES ('{"any": [1]}', 0), (NULL, 0); INSERT INTO raw (n, partition) VALUES (7, 0)));
is_deeply([ map { $_->{value} } @{ new_messages() } ], [ '{"any":[1]}', undef, '{"n":7}' ], 'values as a whole, and none');
reset_proxy();
$node->safe_psql('postgres', q(INSERT INTO posts (n, partition) SELECT i, 0 FROM generate_series(1, 2500) AS i));
is(join(' ', map { s/$sent/$1/r } grep { /$sent/ } split /\n/, $proxy->log), '1000 1000 500', 'many rows: some requests');
is_deeply([ map { $_->{value} } @{ new_messages() } ], [ map { qq({"n":$_,"t":null}) } 1 .. 2500 ], 'all are there, in their order');
$node->safe_psql('postgres', q(INSERT INTO large SELECT repeat('x', 400000) FROM generate_series(1, 5) AS i));
is(join(' ', map { /large.* (\d+) 200$/ } grep { /POST/ } split /\n/, $proxy->log), '2 2 1', 'large rows: a megabyte a request');
is($node->safe_psql('postgres', 'SELECT count(*), sum(length(t)) FROM large'), '5|2000000', 'all are there');
$node->safe_psql('postgres', q(INSERT INTO several VALUES (1, 'posts'); COPY posts (n) FROM STDIN;) . "\n2\n\\.\n");
is(scalar @{ new_messages() }, 2, 'a pattern, COPY');
$node->safe_psql('postgres', q(INSERT INTO posts (n) SELECT 1 WHERE false));
reset_proxy();
like($node->safe_psql('postgres', 'EXPLAIN (COSTS off) INSERT INTO posts (n) VALUES (1)'), qr/Topic: posts\s+Rest Proxy: \Q$url\E$/m, 'EXPLAIN');
is($proxy->log, '', 'EXPLAIN asks nobody');

#
# What cannot be sent
#
foreach my $case (
	[ q{headers) VALUES (1, '[]'}, '0A000', qr/column "headers".*REST proxy takes no more than topic, partition, key and value/s ],
	[ q{at) VALUES (1, now()}, '0A000', qr/column "at"/ ],
	[ q{pos) VALUES (1, 1}, '0A000', qr/column "pos"/ ],
	[ q{key) VALUES (1, '\xff'}, '22023', qr/key written through a Kafka REST proxy must be text.*row 1 of the statement/s ],
	[ q{key) VALUES (1, '\x6100'}, '22023', qr/key written through a Kafka REST proxy must be text/ ],
	[ q{topic) VALUES (1, 'other'}, '23514', qr/is for topic "posts"/ ],)
{
	my ($sql, $state, $pattern) = @$case;

	fails($node, "INSERT INTO posts (n, $sql)", { state => $state, like => [$pattern] }, "refused: $sql");
}
is($proxy->log, '', 'and nothing was sent');

#
# Whole requests that fail
#
my $insert = 'INSERT INTO posts (n) SELECT generate_series(1, 10)';

sub count_new { return scalar @{ new_messages() }; }

foreach my $case (
	[ 'overloaded', status => 503, error_code => 503 ],
	[ 'too many requests', status => 429, error_code => 429 ],
	[ 'a retriable error of Kafka', status => 500, error_code => 50003 ])
{
	my ($name, %fault) = @$case;

	$proxy->set(%fault, fail_requests => 3);
	succeeds($node, $insert, '', "$name: sent again");
	is(count_new(), 10, "$name: each row is there once");
	reset_proxy();
}
foreach my $case (
	[ 'refused', [ status => 422, error_code => 42206 ], 'HV000', qr/HTTP status 422.*status 422, code 42206: "failed on request"/s ],
	[ 'not let in', [ status => 401, error_code => 40101 ], '28000', qr/rest_proxy_user/ ],
	[ 'a web page', [ answer => '<html>' ], 'HV000', qr/not that of a Kafka REST proxy.*may have been delivered/s ],
	[ 'an answer to other records', [ answer => '{"offsets":[]}' ], 'HV000', qr/not that of a Kafka REST proxy/ ],
	[ 'a cut answer', [ cut => 150 ], '08006', qr/10 messages may have been delivered/ ],
	[ 'too large', [ largest_request => 10 ], '54000', qr/HTTP status 413/ ],
	[ 'always overloaded', [ status => 503, error_code => 503, fail_requests => 100 ], 'HV000', qr/sent 3 times.*overloaded/s ],)
{
	my ($name, $fault, $state, $pattern) = @$case;

	$proxy->set(fail_requests => 100, @$fault) if $fault->[0] eq 'status';
	$proxy->set(@$fault) if $fault->[0] ne 'status';
	fails($node, "SET pinterest.max_retries = 2; $insert", { state => $state, like => [$pattern] }, $name);
	reset_proxy();
}
$proxy->set(hang => JSON::PP::true);
fails($node, "SET pinterest.request_timeout = '2s'; $insert", { state => '08006', within => 12, like => [qr/"pinterest\.request_timeout"/] }, 'no answer');
fails($node, "SET statement_timeout = '2s'; $insert", { state => '57014', within => 4 }, 'no answer: cancelled');
reset_proxy();
$proxy->set(unknown_topic => 'missing');
fails($node, 'INSERT INTO nowhere VALUES (1)', { state => '42704', within => 10, like => [qr/topic "nowhere".*the topic does not exist/] }, 'a topic that is not there');
reset_proxy();

#
# Records that fail
#
foreach my $bridge (JSON::PP::false, JSON::PP::true)
{
	my $name = $bridge ? 'as a bridge writes it' : 'as a proxy writes it';

	$proxy->set(fail_records => { 3 => 50002 }, bridge => $bridge);
	fails($node, $insert, { state => 'HV000', like => [ qr/a record was refused.*row 4 of the statement.*"failed on request"/s, qr/9 messages had been delivered, and stay/ ] },
		"a record is refused, $name");
	is(count_new(), 9, "the others are there, $name");
	reset_proxy();
}
$proxy->set(fail_records => { 1 => 50002 });
fails($node, q(INSERT INTO posts (n, key) SELECT i, convert_to('"é' || i, 'UTF8') FROM generate_series(1, 3) AS i),
	{ state => 'HV000', like => [qr/row 2 of the statement, with key "\\"é2"\./] }, 'a record with a key');
reset_proxy();
$proxy->set(fail_records => { 3 => 50003, 4 => 50003 });
succeeds($node, 'INSERT INTO posts (n, partition) SELECT generate_series(0, 9), 0', '', 'records that can be sent again');
is(join(' ', map { $_->{value} =~ /(\d+)/ } @{ new_messages() }), '0 1 2 5 6 7 8 9 3 4', 'come behind the others');
is(join(' ', map { s/$sent/$1/r } grep { /$sent/ } split /\n/, $proxy->log), '10 2', 'and go alone');
$proxy->set(fail_records => { 0 => 50003 });
fails($node, "SET pinterest.max_retries = 1; $insert", { state => 'HV000', like => [qr/row 1 of the statement.*code 50003/s] }, 'records that never can');
reset_proxy();
my $stderr = '';
$node->psql('postgres', "BEGIN; $insert; ROLLBACK", stderr => \$stderr);
like($stderr, qr/WARNING:  rolling back does not undo what was written to "posts"\nDETAIL:  Number of messages that stay there: 10\./, 'ROLLBACK: a warning');

#
# Signing in, and where it may go
#
reset_proxy();
$proxy->set(authorization => 'Basic ' . encode_base64("me:pass:word", ''));
fails($node, $insert, { state => '28000' }, 'not signed in');
$node->safe_psql('postgres', q(CREATE USER MAPPING FOR CURRENT_USER SERVER gateway OPTIONS (rest_proxy_user 'me', rest_proxy_password 'pass:word')));
succeeds($node, $insert, '', 'signed in');
reset_proxy();
$node->safe_psql('postgres', qq(ALTER SERVER gateway OPTIONS (SET rest_proxy '$url/')));
succeeds($node, $insert, '', 'a URL that ends with a slash');
$node->safe_psql('postgres', qq(ALTER SERVER gateway OPTIONS (SET rest_proxy '$url/stage')));
$proxy->log;
fails($node, $insert, { state => '42704', like => [qr/HTTP status 404/] }, 'a URL with a path');
like($proxy->log, qr{^GET /stage/topics/posts }, 'has it before all others');

#
# HTTPS
#
my %secure = map { $_ => start_rest_proxy($kafka, $_) } qw(server server_expired server_misnamed);
my $certificate = { state => 'HV00N', like => [qr/certificate.*HINT:.*"rest_proxy".*"ca_file"/s] };

$node->safe_psql('postgres', qq(ALTER SERVER gateway OPTIONS (SET rest_proxy '@{[ $secure{server}->endpoint ]}')));
fails($node, $insert, $certificate, 'HTTPS: an authority that this machine does not know');
$node->safe_psql('postgres', qq(ALTER SERVER gateway OPTIONS (ADD ca_file '@{[ $kafka->tls_file('other_ca.pem') ]}')));
fails($node, $insert, $certificate, 'HTTPS: another authority');
$node->safe_psql('postgres', qq(ALTER SERVER gateway OPTIONS (SET ca_file '@{[ $kafka->tls_file('ca.pem') ]}')));
new_messages();
succeeds($node, $insert, '', 'HTTPS: the right one');
is(count_new(), 10, 'HTTPS: the messages are there');
foreach my $name (qw(server_expired server_misnamed))
{
	$node->safe_psql('postgres', qq(ALTER SERVER gateway OPTIONS (SET rest_proxy '@{[ $secure{$name}->endpoint ]}')));
	fails($node, $insert, $certificate, "HTTPS: $name");
}
$node->safe_psql('postgres', qq(ALTER SERVER gateway OPTIONS (SET rest_proxy '@{[ $url =~ s/http/https/r ]}')));
fails($node, "SET pinterest.max_retries = 1; $insert", { state => '08006|HV00N' }, 'HTTPS: to a proxy without');
is(count_new(), 0, 'HTTPS: nothing was sent to strangers');

# check_server asks the proxy as well, and tells what is wrong with it beside what is not
my $checked = q(SELECT outcome, coalesce(detail, '') || ' ' || coalesce(hint, '') FROM pinterest.check_server('gateway') WHERE step IN ('REST proxy', 'first record'));

foreach my $case (
	[ $url, qr/^ok\|The proxy at "\Q$url\E" lists topics\. $/m, 'as it should be' ],
	[ "$url/nowhere", qr/^failed\|Could not list topics through ".*nowhere": HTTP status 404.*rest_proxy/m, 'another path' ],
	[ 'http://127.0.0.1:1', qr/^failed\|Could not list topics.*127.0.0.1 port 1.*rest_proxy/m, 'nobody there' ])
{
	my ($place, $like, $name) = @$case;

	$node->safe_psql('postgres', "ALTER SERVER gateway OPTIONS (SET rest_proxy '$place')");
	my $rows = $node->safe_psql('postgres', $checked);
	like($rows, $like, "check_server: $name");
	like($rows, qr/^ok\|A record became a row/m, "check_server: $name: the brokers are there all the same");
}

$node->safe_psql('postgres', q(ALTER SERVER gateway OPTIONS (SET rest_proxy 'http://127.0.0.1:1')));
fails($node, "SET pinterest.max_retries = 1; $insert", { state => 'HV00N' }, 'nobody there');
$node->safe_psql('postgres', qq(
	CREATE ROLE plain LOGIN; GRANT USAGE ON FOREIGN DATA WRAPPER kafka_json TO plain; GRANT CREATE ON SCHEMA public TO plain; SET ROLE plain;
	CREATE SERVER theirs FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap', rest_proxy '$url');
	CREATE FOREIGN TABLE theirs (n int) SERVER theirs OPTIONS (topic 'posts')));
fails($node, 'SET ROLE plain; INSERT INTO theirs VALUES (1)', { state => '42501', like => [qr/open only to a server that a superuser owns/] }, 'a server of somebody else: no private addresses');

done_testing();
