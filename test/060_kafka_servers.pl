# That the Kafka the other tests run against does what they take from it: a broker
# that is no stand-in, with every way to sign in.

use strict;
use warnings;

use lib 'test/lib';
use HTTP::Tiny;
use JSON::PP ();
use KafkaTest;
use Test::More;

my $kafka = start_kafka(
	listeners => [qw(sasl sasl_tls oauth tls mtls tls_expired tls_misnamed msk msk_late)]);

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

sub refused_command
{
	my ($pattern, $name, @command) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(eval { $kafka->command(@command); 'done' }, undef, $name);
	like($@, $pattern, "$name: why");
	return;
}

#
# Messages
#
my @messages = (
	{ value => '{"a":1}', key => 'k', partition => 0, timestamp => 1500000000123 },
	{ value => undef, key => '', partition => 1 },
	{ value => '', key => undef, partition => 1 },
	{ value => join('', map { chr } 0 .. 255), key => "\0", partition => 2, headers => [ [ h => 'x' ], [ h => undef ], [ e => '' ] ] },);

$kafka->create_topic('messages', 4);
is_deeply($kafka->produce('messages', \@messages), [ [ 0, 0 ], [ 1, 0 ], [ 1, 1 ], [ 2, 0 ] ], 'produce: places');
my $read = $kafka->consume('messages');
is(scalar @$read, 4, 'consume: all of them');
foreach my $i (0 .. 3)
{
	my %expected = (headers => [], %{ $messages[$i] });
	is_deeply({ map { $_ => $read->[$i]->{$_} } keys %expected }, \%expected, "message $i as it was sent");
}
is($read->[3]->{timestamp_type}, 'create', 'the timestamp is the producer\'s');

foreach my $codec (qw(none gzip snappy lz4 zstd))
{
	$kafka->create_topic($codec);
	$kafka->fill(topic => $codec, count => 1000, compression => $codec);
	my $all = $kafka->consume($codec);
	is(@$all . $all->[-1]->{value}, '1000{"n":999}', "compression $codec");
}

#
# Transactions
#
$kafka->create_topic('transactions');
$kafka->produce('transactions', [ { value => 'committed' } ], transaction => 'commit');
$kafka->produce('transactions', [ { value => 'aborted' } ], transaction => 'abort');
my $open = $kafka->produce('transactions', [ { value => 'open' } ], transaction => 'open')->[-1];
is_deeply([ map { $_->{value} } @{ $kafka->consume('transactions') } ], ['committed'], 'read_committed: one of three');
is(@{ $kafka->consume('transactions', 'read_uncommitted') }, 3, 'read_uncommitted: all');
is_deeply($kafka->offsets(name => 'transactions', isolation => 'read_committed'),
	{ 0 => [ 0, 4 ] }, 'the open one holds the end back');
$kafka->end_transaction(number => $open, outcome => 'commit');
is_deeply([ map { $_->{offset} } @{ $kafka->consume('transactions') } ], [ 0, 4 ], 'committed later');

#
# Administration
#
$kafka->add_partitions('messages', 6);
is($kafka->topics->{messages}, 6, 'partitions added');
$kafka->delete_records('zstd', { 0 => 400 });
is_deeply($kafka->offsets(name => 'zstd'), { 0 => [ 400, 1000 ] }, 'records deleted');
$kafka->delete_topic('zstd');
ok(!exists $kafka->topics->{zstd}, 'topic deleted');

$kafka->create_topic('compacted', 1,
	{ 'cleanup.policy' => 'compact', 'segment.ms' => 200, 'min.cleanable.dirty.ratio' => 0.001, 'max.compaction.lag.ms' => 500 });
$kafka->fill(topic => 'compacted', count => 10, key => 'same');
$kafka->fill(topic => 'compacted', count => 10, key => '%d');
wait_until
{
	# A segment is closed, so that it can be compacted, when the next message comes
	$kafka->fill(topic => 'compacted', count => 1, key => 'last');
	my $keys = {};
	$keys->{ $_->{key} }++ foreach @{ $kafka->consume('compacted') };
	($keys->{same} // 0) == 1;
}
'compaction';
pass('compaction leaves one message of a key');

$kafka->create_topic('ending', 1, { 'segment.ms' => 200, 'retention.ms' => 500 });
$kafka->fill(topic => 'ending', count => 10);
wait_until
{
	$kafka->fill(topic => 'ending', count => 1);
	$kafka->offsets(name => 'ending')->{0}->[0] >= 10;
}
'retention';
pass('retention raises the low watermark');

#
# Signing in
#
my $topics = keys %{ $kafka->topics };

sub accepted
{
	my ($name, $listener, %parameters) = @_;
	my $sees = delete $parameters{sees} // $topics;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(eval { $kafka->command('sign_in', listener => $listener, %parameters) } // $@, $sees, "$listener: $name");
	return;
}

sub refused
{
	my ($name, $pattern, $listener, %parameters) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	refused_command($pattern, "$listener: $name", 'sign_in', listener => $listener, %parameters);
	return;
}

my $ca = $kafka->tls_file('ca.pem');
my $other_ca = $kafka->tls_file('other_ca.pem');

# sasl PROTOCOL, MECHANISM, USER, PASSWORD
sub sasl
{
	my ($protocol, $mechanism, $user, $password) = @_;
	return (settings => { 'security.protocol' => $protocol, 'sasl.mechanism' => $mechanism, 'sasl.username' => $user,
		'sasl.password' => $password, 'ssl.ca.location' => $ca });
}

# tls CA, [CERTIFICATE]
sub tls
{
	my ($authority, $name) = @_;
	my %settings = ('security.protocol' => 'SSL', 'ssl.ca.location' => $authority);

	%settings = (%settings, 'ssl.certificate.location' => $kafka->tls_file("$name.pem"), 'ssl.key.location' => $kafka->tls_file("$name.key"))
	  if $name;
	return (settings => \%settings);
}

foreach my $protocol (qw(SASL_PLAINTEXT SASL_SSL))
{
	my $listener = $protocol eq 'SASL_SSL' ? 'sasl_tls' : 'sasl';

	accepted('PLAIN', $listener, sasl($protocol, 'PLAIN', 'alice', 'alice-secret'));
	refused('PLAIN, wrong password', qr/Authentication failed/, $listener, sasl($protocol, 'PLAIN', 'alice', 'wrong'));
	refused('PLAIN, unknown user', qr/Authentication failed/, $listener, sasl($protocol, 'PLAIN', 'nobody', 'alice-secret'));
	foreach my $mechanism (qw(SCRAM-SHA-256 SCRAM-SHA-512))
	{
		accepted($mechanism, $listener, sasl($protocol, $mechanism, 'bob', 'bob-secret'));
		refused("$mechanism, wrong password", qr/invalid credentials/, $listener, sasl($protocol, $mechanism, 'bob', 'wrong'));
	}
}

sub oauth
{
	my ($settings) = @_;
	return (settings => { 'security.protocol' => 'SASL_PLAINTEXT', 'sasl.mechanism' => 'OAUTHBEARER',
		'enable.sasl.oauthbearer.unsecure.jwt' => 'true', 'sasl.oauthbearer.config' => $settings });
}
accepted('token', 'oauth', oauth('principal=oauth-user'));
refused('token for another scope claim', qr/./, 'oauth', oauth('principalClaimName=azp principal=oauth-user'));

accepted('TLS', 'tls', tls($ca));
refused('unknown authority', qr/certificate verify failed|verification/, 'tls', tls($other_ca));
refused('expired certificate', qr/expired|verify failed/, 'tls_expired', tls($ca));
refused('certificate of another host', qr/mismatch|verify failed|verification/, 'tls_misnamed', tls($ca));
accepted('client certificate', 'mtls', tls($ca, 'client'));
refused('no client certificate', qr/./, 'mtls', tls($ca));
refused('expired client certificate', qr/./, 'mtls', tls($ca, 'client_expired'));
refused('client certificate of another authority', qr/./, 'mtls', tls($ca, 'client_stranger'));

#
# MSK IAM: the tokens are those of Amazon's own signer
#
SKIP:
{
	skip 'Amazon\'s signer could not be fetched', 18 if !-d ($ENV{MSK_SIGNER} // '');
	my %iam = (access_key_id => 'AKIATEST', secret_access_key => 'iam-secret');
	my %session = (access_key_id => 'ASIATEST', secret_access_key => 'iam-session-secret', session_token => 'SESSION/TOKEN+x==');

	sub msk { return (iam => {@_}, settings => { 'ssl.ca.location' => $ca }); }
	accepted('key', 'msk', msk(%iam));
	accepted('another region', 'msk', msk(%iam, region => 'eu-north-1'));
	accepted('session', 'msk', msk(%session));
	foreach my $case (
		[ 'wrong secret', 'msk', qr/signature does not match/, %iam, secret_access_key => 'wrong' ],
		[ 'unknown key', 'msk', qr/unknown access key/, %iam, access_key_id => 'AKIAOTHER' ],
		[ 'session without its token', 'msk', qr/session token/, %session, session_token => undef ],
		[ 'token of another session', 'msk', qr/session token/, %session, session_token => 'OTHER' ],
		[ 'a clock an hour late', 'msk_late', qr/expired/, %iam ],)
	{
		my ($name, $listener, $reason, @keys) = @$case;
		my $before = length $kafka->log;

		refused($name, qr/invalid_token|Authentication|failed/, $listener, msk(@keys));
		like(substr($kafka->log, $before), qr/MskIamValidator: refused: $reason/, "$listener: $name: the broker's reason");
	}
}

#
# What a user may do
#
accepted('carol sees no topic', 'sasl', sasl('SASL_PLAINTEXT', 'PLAIN', 'carol', 'carol-secret'), sees => 0);
$kafka->grant(user => 'carol', operation => 'DESCRIBE', topic => 'messages');
accepted('carol sees what she may', 'sasl', sasl('SASL_PLAINTEXT', 'PLAIN', 'carol', 'carol-secret'), sees => 1);

#
# The REST proxy
#
my $proxy = start_rest_proxy($kafka);
my $http = HTTP::Tiny->new;

# post PATH, BODY, [HEADER => VALUE, …]: status and body
sub post
{
	my ($path, $body, %headers) = @_;
	my $answer = $http->post($proxy->endpoint . $path,
		{ content => $body, headers => { 'Content-Type' => 'application/vnd.kafka.json.v2+json', %headers } });
	return "$answer->{status} $answer->{content}";
}
my $one = '{"records":[{"value":{"a":1}}]}';

$kafka->create_topic('rest', 3, { 'max.message.bytes' => 300 });
is(post('/topics/rest', '{"records":[{"partition":1,"key":"k","value":{"a":1}},{"partition":1,"value":null}]}'),
	'200 {"offsets": [{"partition": 1, "offset": 0, "error_code": null, "error": null}, '
	  . '{"partition": 1, "offset": 1, "error_code": null, "error": null}], "key_schema_id": null, "value_schema_id": null}',
	'REST: two records');
like(post('/topics/rest/partitions/2', $one), qr/^200 .*"partition": 2, "offset": 0/, 'REST: the partition in the path');
is_deeply([ map { [ @$_{qw(partition key value)} ] } @{ $kafka->consume('rest') } ],
	[ [ 1, '"k"', '{"a":1}' ], [ 1, undef, undef ], [ 2, undef, '{"a":1}' ] ], 'REST: the messages');
my $large = 'x' x 500;
like(post('/topics/rest', qq({"records":[{"partition":0,"value":1},{"partition":1,"value":"$large"}]})),
	qr/^200 .*"offset": 0, "error_code": null.*"error_code": 50002, "error": "Broker: Message size too large"/,
	'REST: a record that the broker refuses is inside an answer with 200');
like(post('/topics/rest', '{"records":[{"partition":99,"value":1}]}'), qr/^200 .*"error_code": 5000[23]/, 'REST: no such partition');
like(post('/topics/rest', $one, 'Content-Type' => 'application/json'), qr/^415 .*415/, 'REST: 415');
like(post('/topics/rest', $one, Accept => 'text/html'), qr/^406 .*406/, 'REST: 406');
like(post('/topics/rest', '{"records":['), qr/^400 .*400/, 'REST: 400');
like(post('/topics/rest', '{"records":[]}'), qr/^422 .*422/, 'REST: 422, nothing');
like(post('/topics/rest', '{"records":[{"value":1,"headers":[]}]}'), qr/^422 .*Unrecognized field: headers/, 'REST: 422, an unknown field');
like(post('/nosuch', $one), qr/^404 .*404/, 'REST: 404');
$proxy->set(unknown_topic => 'missing');
like(post('/topics/nosuch', $one), qr/^404 .*40401/, 'REST: 40401');
$proxy->set(unknown_topic => 0.5);
like(post('/topics/nosuch', $one), qr/^200 .*50003.*not present in metadata after 500 ms/, 'REST: an unknown topic, after a while');
$proxy->set(fail_records => { 1 => 50002 }, bridge => JSON::PP::true);
like(post('/topics/rest', '{"records":[{"value":1},{"value":2},{"value":3}]}'),
	qr/^200 \{"offsets": \[\{"partition": \d, "offset": \d\}, \{"error_code": 500, "message": "failed on request"\}, \{"partition"/,
	'REST: a bridge of Strimzi');
$proxy->reset;
$proxy->set(fail_requests => 1, status => 503, error_code => 50301);
like(post('/topics/rest', $one), qr/^503 .*50301/, 'REST: a failing request');
like(post('/topics/rest', $one), qr/^200 /, 'REST: only one');
like($proxy->log, qr{^POST /topics/rest application/vnd\.kafka\.json\.v2\+json 1 200$}m, 'REST: what was asked');

#
# Its end
#
$kafka->kill;
refused_command(qr/Transport|timed out|_TRANSPORT/, 'killed: no answer', 'topics', timeout => 1);
$kafka->start;
is(@{ $kafka->consume('messages') }, 4, 'started again: the messages are there');
$kafka->restart;
is(@{ $kafka->consume('messages') }, 4, 'restarted: the messages are there');

#
# The mock cluster
#
my $mock = start_mock_kafka(brokers => 2, topics => { t => 2 });

$mock->produce('t', [ { value => 'a', partition => 0 }, { value => 'b', partition => 1 } ]);
is(join(',', map { $_->{value} } @{ $mock->consume('t') }), 'a,b', 'mock: messages');
my $leader = $mock->leaders(name => 't')->{0};
$mock->mock('leader t 0 ' . (3 - $leader));
wait_until { $mock->leaders(name => 't')->{0} == 3 - $leader } 'mock: another leader';
$mock->mock("rtt 1 1");
$mock->mock('error 0 10');
like(eval { $mock->produce('t', [ { value => 'c', partition => 0 } ]) } // $@, qr/too large/, 'mock: an error on request');
$mock->mock("down $_") foreach 1, 2;
is(eval { $mock->topics(timeout => 1) }, undef, 'mock: down');
$mock->mock("up $_") foreach 1, 2;
wait_until { defined eval { $mock->topics(timeout => 1) } } 'mock: up';
like(eval { $mock->mock('sideways 1') } // $@, qr/no such command/, 'mock: no such command');

done_testing();
