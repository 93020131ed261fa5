# Signing in to Kafka: each way works, what is wrong is told clearly, and nothing
# that is secret is shown anywhere.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# The last release whose SCRAM librdkafka 2.0.2 can speak
my $kafka = start_kafka(
	version => '3.9.2',
	listeners => [qw(sasl sasl_tls oauth tls mtls tls_expired tls_misnamed msk msk_late elsewhere)]);

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $services = start_credential_server();
my $home = PostgreSQL::Test::Utils::tempdir('home');
delete @ENV{ grep { /^AWS_/ } keys %ENV };
$ENV{HOME} = $home;

my $node = new_node('kafka_security');
my $ca = slurp_file($kafka->tls_file('ca.pem'));
my $other_ca = slurp_file($kafka->tls_file('other_ca.pem'));
my $messages = 10;
my $count = 'SELECT count(*), sum(n) FROM t';
my $all = '10|45';
my @secrets = qw(alice-secret carol-secret bob-secret wrong-secret iam-secret iam-session-secret oauth-secret SESSION/TOKEN);

$kafka->create_topic('t', 3);
$kafka->create_topic('other');
$kafka->fill(topic => 't', count => $messages);
$kafka->fill(topic => 'other', count => 1);

sub text { my ($value) = @_; return "'" . $value =~ s/'/''/gr . "'"; }

sub options
{
	my (%options) = @_;
	return join(', ', map { "\"$_\" " . text($options{$_}) } sort keys %options);
}

# Server s and table t, to a listener, with options of the server and of the mapping
sub connect_to
{
	my ($listener, $options, $mapping) = @_;

	$node->safe_psql(
		'postgres', qq(
		SET client_min_messages = warning;
		DROP SERVER IF EXISTS s CASCADE;
		CREATE SERVER s FOREIGN DATA WRAPPER kafka_json
			OPTIONS (@{[ options('bootstrap.servers' => $kafka->bootstrap($listener), %$options) ]});
		CREATE FOREIGN TABLE t (n int) SERVER s OPTIONS (topic 't');
		@{[ $mapping ? "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (${\ options(%$mapping) });" : '' ]}));
	return;
}

sub works
{
	my ($name, @to) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	connect_to(@to);
	return succeeds($node, $count, $all, $name);
}

# refused NAME, SQLSTATE, [PATTERN …], LISTENER, OPTIONS, MAPPING
sub refused
{
	my ($name, $state, $like, @to) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	connect_to(@to);
	return fails($node, $count, { state => $state, like => $like, within => 20 }, $name);
}

my $denied = '28000';
my $unreachable = 'HV00N';

#
# Users with passwords
#
foreach my $tls (0, 1)
{
	my $listener = $tls ? 'sasl_tls' : 'sasl';
	my %server = ('security.protocol' => $tls ? 'SASL_SSL' : 'SASL_PLAINTEXT', $tls ? ('ssl.ca.pem' => $ca) : ());

	foreach my $case ([ 'PLAIN', 'alice' ], [ 'SCRAM-SHA-256', 'bob' ], [ 'scram-sha-512', 'bob' ])
	{
		my ($mechanism, $user) = @$case;
		my @to = ($listener, { %server, 'sasl.mechanism' => $mechanism });

		works("$listener, $mechanism", @to, { 'sasl.username' => $user, 'sasl.password' => "$user-secret" });
		refused("$listener, $mechanism: wrong password", $denied, [ qr/HINT:  Check "sasl.username"/ ],
			@to, { 'sasl.username' => $user, 'sasl.password' => 'wrong-secret' });
	}
}
refused('a mechanism the listener does not have', $denied, [ qr/OAUTHBEARER|mechanism/i ],
	'oauth', { 'security.protocol' => 'sasl_plaintext', 'sasl.mechanism' => 'PLAIN' },
	{ 'sasl.username' => 'alice', 'sasl.password' => 'alice-secret' });

# Rules of the cluster
my @carol = ('sasl', { 'security.protocol' => 'sasl_plaintext', 'sasl.mechanism' => 'PLAIN' },
	{ 'sasl.username' => 'carol', 'sasl.password' => 'carol-secret' });
refused('nothing granted', '42501|42704', [ qr/HINT:  / ], @carol);
$kafka->grant(user => 'carol', operation => 'DESCRIBE', topic => 't');
refused('describing granted, reading not', '42501', [ qr/HINT:  .*Read/ ], @carol);
$kafka->grant(user => 'carol', operation => 'READ', topic => 't');
works('reading granted', @carol);
$node->safe_psql('postgres', q(CREATE FOREIGN TABLE other (n int) SERVER s OPTIONS (topic 'other')));
# The refusal comes while the topic is looked up, or with a row
fails($node, $_, { state => '42501', like => [ qr/Cluster authorization failed/, qr/HINT:  .*Write/ ] }, "writing not granted: $_")
  foreach 'INSERT INTO t VALUES (10)', 'INSERT INTO t SELECT i + 0 * length(pg_sleep(0.2)::text) FROM generate_series(1, 3) AS i';
$kafka->grant(user => 'carol', operation => 'WRITE', topic => 'other');
fails($node, 'INSERT INTO t VALUES (10)', { state => '42501', like => [ qr/Topic authorization failed/, qr/row 1 of/, qr/HINT:  .*Write/ ] },
	'writing to another topic granted');
succeeds($node, 'INSERT INTO other VALUES (10) RETURNING n', '10', 'writing granted');

#
# TLS
#
my %tls = ('security.protocol' => 'ssl', 'ssl.ca.pem' => $ca);
my %client = map { $_ => slurp_file($kafka->tls_file($_)) }
  map { ("$_.pem", "$_.key") } qw(client client_expired client_stranger);

sub certificate { my ($name) = @_; return { 'ssl.certificate.pem' => $client{"$name.pem"}, 'ssl.key.pem' => $client{"$name.key"} }; }

works('TLS', 'tls', \%tls);
works('TLS, authority in a file', 'tls', { 'security.protocol' => 'ssl', 'ssl.ca.location' => $kafka->tls_file('ca.pem') });
refused('unknown authority', $unreachable, [ qr/certificate verify failed/, qr/HINT:  .*"ssl.ca.location"/ ],
	'tls', { %tls, 'ssl.ca.pem' => $other_ca });
refused('authorities of the machine', $unreachable, [ qr/certificate verify failed/ ], 'tls', { 'security.protocol' => 'ssl' });
refused('expired certificate', $unreachable, [ qr/certificate verify failed|expired/ ], 'tls_expired', \%tls);
refused('certificate of another host', $unreachable, [ qr/verify failed|mismatch/i ], 'tls_misnamed', \%tls);
works('certificate of another host, not looked at', 'tls_misnamed', { %tls, 'ssl.endpoint.identification.algorithm' => 'none' });
refused('TLS to a listener without', "$unreachable|08006", [ qr/HINT:  / ], 'plain', \%tls);
refused('no TLS to a listener with it', "$unreachable|08006", [ qr/DETAIL:  .*incorrect security.protocol/, qr/HINT:  .*"security.protocol"/ ], 'tls', {});

works('client certificate', 'mtls', \%tls, certificate('client'));
works('client certificate in files', 'mtls',
	{ %tls, 'ssl.certificate.location' => $kafka->tls_file('client.pem'), 'ssl.key.location' => $kafka->tls_file('client.key') });
refused('no client certificate', "$unreachable|08006", [ qr/HINT:  / ], 'mtls', \%tls);
refused('expired client certificate', "$unreachable|08006", [ qr/HINT:  / ], 'mtls', \%tls, certificate('client_expired'));
refused('client certificate of another authority', "$unreachable|08006", [ qr/HINT:  / ], 'mtls', \%tls, certificate('client_stranger'));
refused('a key that is none', 'HV00L', [ qr/HINT:  .*"ssl/ ], 'mtls', \%tls,
	{ 'ssl.certificate.pem' => $client{'client.pem'}, 'ssl.key.pem' => 'oauth-secret' });

#
# AWS keys
#
my %msk = ('sasl.mechanism' => 'AWS_MSK_IAM', region => 'us-east-1', 'ssl.ca.pem' => $ca);
my %keys = (access_key_id => 'AKIATEST', secret_access_key => 'iam-secret');
my %session = (access_key_id => 'ASIATEST', secret_access_key => 'iam-session-secret', session_token => 'SESSION/TOKEN+x==');

works('keys', 'msk', \%msk, \%keys);
works('keys of a session', 'msk', \%msk, \%session);
foreach my $case (
	[ 'wrong secret', 'msk', { %keys, secret_access_key => 'wrong-secret' } ],
	[ 'unknown key', 'msk', { %keys, access_key_id => 'AKIAOTHER' } ],
	[ 'wrong session token', 'msk', { %session, session_token => 'wrong-secret' } ],
	[ 'a clock an hour apart', 'msk_late', \%keys ])
{
	my ($name, $listener, $mapping) = @$case;
	refused($name, $denied, [ qr/HINT:  .*keys.*clock/ ], $listener, \%msk, $mapping);
}

sub write_profile
{
	my ($key, $secret) = @_;
	mkdir "$home/.aws";
	open(my $file, '>', "$home/.aws/credentials") or die $!;
	print $file "[default]\naws_access_key_id = $key\naws_secret_access_key = $secret\n";
	close $file;
	return;
}
write_profile('AKIATEST', 'iam-secret');
works('keys of the machine', 'msk', { %msk, credential_source => 'profile' });
write_profile('AKIATEST', 'wrong-secret');
fails($node, $count, { state => $denied, like => [ qr/HINT:  / ] }, 'keys of the machine, wrong ones');

#
# OAuth
#
my %oauth = (
	'security.protocol' => 'sasl_plaintext', 'sasl.mechanism' => 'OAUTHBEARER', 'sasl.oauthbearer.method' => 'oidc',
	'sasl.oauthbearer.token.endpoint.url' => $services->endpoint . '/oauth2/token', 'sasl.oauthbearer.scope' => 'a b');
my %oauth_client = ('sasl.oauthbearer.client.id' => 'client/1', 'sasl.oauthbearer.client.secret' => 'oauth-secret+1');

$services->log;
works('token of a service', 'oauth', \%oauth, \%oauth_client);
is($services->log, "oauth client_credentials a b True\n", 'asked for once, with the scope');
works('extensions', 'oauth', { %oauth, 'sasl.oauthbearer.extensions' => 'traceId=x1' }, \%oauth_client);

my $problem = qr/could not get a token for server "s"/;
my $hint = qr/HINT:  Check "sasl.oauthbearer.token.endpoint.url"/;
refused('wrong secret', $denied, [ $problem, qr/401, "invalid_client"/, $hint ],
	'oauth', \%oauth, { %oauth_client, 'sasl.oauthbearer.client.secret' => 'wrong-secret' });
refused('no such service', $denied, [ $problem, $hint ], 'oauth',
	{ %oauth, 'sasl.oauthbearer.token.endpoint.url' => $services->endpoint . '/nowhere' }, \%oauth_client);
$services->set(oauth => 'broken');
refused('a page instead of a token', $denied, [ $problem, $hint ], 'oauth', \%oauth, \%oauth_client);
$services->set(oauth => 'failing');
refused('the service fails', $denied, [ $problem, qr/503/ ], 'oauth', \%oauth, \%oauth_client);
$services->set(oauth => 'hang');
fails($node, "SET statement_timeout = '500ms'; $count", { state => '57014', like => [], within => 5 }, 'waiting for it can be cancelled');
$services->set(oauth => 'ok', oauth_subject => 'nobody');
refused('a user without rights', '42501|42704', [ qr/HINT:  / ], 'oauth', \%oauth, \%oauth_client);

# Two tokens in one session: the first ends while the session rests
$services->set(oauth_subject => 'oauth-user', oauth_life => 3);
connect_to('oauth', \%oauth, \%oauth_client);
$services->log;
is($node->safe_psql('postgres', "$count; SELECT pg_sleep(4); $count"), "$all\n\n$all", 'a token ends between two statements');
is($services->log =~ tr/\n//, 2, 'the second has another');
is( $node->safe_psql('postgres', "SELECT count(*) FROM (SELECT n, pg_sleep(0.6) FROM t OFFSET 0) x"),
	$messages, 'a token ends within a statement');

#
# Addresses
#
$node->safe_psql(
	'postgres', qq(
	CREATE ROLE plain LOGIN;
	GRANT USAGE ON FOREIGN DATA WRAPPER kafka_json TO plain;
	GRANT CREATE ON SCHEMA public TO plain;
	SET ROLE plain;
	CREATE SERVER private FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '@{[ $kafka->bootstrap ]}');
	CREATE FOREIGN TABLE private (n int) SERVER private OPTIONS (topic 't');
	CREATE SERVER named FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '@{[ $kafka->bootstrap =~ s/127.0.0.1/localhost/r ]}');
	CREATE FOREIGN TABLE named (n int) SERVER named OPTIONS (topic 't');
	CREATE SERVER local FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '169.254.169.254:80');
	CREATE FOREIGN TABLE local (n int) SERVER local OPTIONS (topic 't');));
fails($node, 'SELECT * FROM private', { state => '42501', within => 5,
	like => [ qr/refused to connect to loopback address 127.0.0.1/, qr/HINT:  .*superuser/ ] }, 'loopback, from a server that is not a superuser\'s');
fails($node, 'SELECT * FROM named', { state => '42501', within => 5,
	like => [ qr/refused to connect to loopback address/ ] }, 'the same by name');
fails($node, 'SELECT * FROM local', { state => '42501', within => 5,
	like => [ qr/refused to connect to link-local address 169.254.169.254/ ] }, 'link-local');
$node->safe_psql('postgres', 'ALTER SERVER private OWNER TO CURRENT_USER; ALTER SERVER local OWNER TO CURRENT_USER');
succeeds($node, 'SELECT count(*) FROM private', $messages, 'loopback, from a superuser\'s server');
fails($node, 'SELECT * FROM local', { state => '42501', within => 5,
	like => [ qr/refused to connect to link-local address 169.254.169.254/ ] }, 'link-local, from a superuser\'s server');

refused('link-local, a broker that the cluster names', '42501', [ qr/refused to connect to link-local address 169.254.7.7/ ],
	'elsewhere', {});

# Who only believes to have signed in
refused('a user name without SASL', 'HV00J', [ qr/"sasl.username" of the user mapping .* is not used/, qr/HINT:  .*"sasl.mechanism"/ ],
	'plain', {}, { 'sasl.username' => 'alice', 'sasl.password' => 'alice-secret' });

#
# Nothing secret
#
connect_to(@carol);
my $plan = $node->safe_psql('postgres', "EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) $count");
my $log = join("\n", grep { !/LOG:  statement:|STATEMENT:|OPTIONS|^\t/ } split(/\n/, slurp_file($node->logfile)));
foreach my $secret (@secrets, 'PRIVATE KEY')
{
	unlike($plan, qr/\Q$secret\E/, "$secret: not in a plan");
	unlike($log, qr/\Q$secret\E/, "$secret: not in the log");
}

done_testing();
