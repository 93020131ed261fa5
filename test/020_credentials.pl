# Where keys come from, how they are renewed, and who may use which.  The services
# that hand them out, and a bucket that checks them, are one server of ours.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $services = start_credential_server();
my $endpoint = $services->endpoint;
my $home = PostgreSQL::Test::Utils::tempdir('home');
my $token_file = "$home/token";
my $role = 'arn:aws:iam::123456789012:role/reader';
my $sum = 'SELECT count(*), sum(n) FROM t';

delete @ENV{ grep { /^AWS_/ } keys %ENV };
$ENV{HOME} = $home;

my $node = new_node('credentials');

# The server anew, with this environment besides
sub environment
{
	my (%with) = @_;

	delete @ENV{ grep { /^AWS_/ } keys %ENV };
	$ENV{"AWS_$_"} = $with{$_} foreach keys %with;
	$node->restart;
	$services->reset;
	return;
}

sub bucket_over
{
	my ($at, $options) = @_;

	$node->safe_psql(
		'postgres', qq(
		SET client_min_messages = warning;
		DROP SERVER IF EXISTS s CASCADE;
		CREATE SERVER s FOREIGN DATA WRAPPER s3_json OPTIONS (endpoint '$at'@{[ $options ? ", $options" : '' ]});
		CREATE FOREIGN TABLE t (n int) SERVER s OPTIONS (location 's3://bucket/in/');));
	return;
}

# Server s and table t, for the source of these options
sub server_with { my ($options) = @_; return bucket_over($endpoint, $options); }

sub works
{
	my ($name, $like) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$services->log;
	succeeds($node, $sum, '3|6', $name);
	my $log = $services->log;
	like($log, $_, "$name: what was asked") foreach @{ $like // [] };
	return $log;
}

# Whatever fails, nothing that was handed out is shown
sub refused
{
	my ($name, $like, %more) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $stderr = fails($node, $more{sql} // $sum,
		{ state => $more{state} // '28000', like => $like, within => $more{within} // 10 }, $name);
	unlike($stderr, qr/tokenOf|secret\/|token-\d|hush/, "$name: no secret");
	return;
}

sub write_file
{
	my ($name, $text) = @_;

	mkdir "$home/.aws";
	open(my $file, '>', "$home/$name") or die "$name: $!";
	print $file $text;
	close $file;
	return;
}

#
# Environment
#
environment(ACCESS_KEY_ID => 'AKIDTEST', SECRET_ACCESS_KEY => 'secretkeytest123');
server_with("credential_source 'environment'");
works('environment', [qr/^s3 list AKIDTEST ok$/m]);

# The bucket of a server that is not ours agrees
SKIP:
{
	my $gateway = start_versitygw();
	skip 'versitygw could not be built', 1 if !defined $gateway;
	write_file('1.json', "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
	put_folder($gateway, 'bucket', $home);
	$node->safe_psql('postgres', qq(
		CREATE SERVER gateway FOREIGN DATA WRAPPER s3_json
			OPTIONS (endpoint '$gateway', credential_source 'environment');
		CREATE FOREIGN TABLE g (n int) SERVER gateway OPTIONS (location 's3://bucket/1.json');));
	succeeds($node, 'SELECT count(*), sum(n) FROM g', '3|6', 'environment: a real S3 server');
}

environment();
refused('environment: nothing', [ qr/server "s": AWS_ACCESS_KEY_ID is not set/, qr/HINT:/, qr/"environment"/ ]);
foreach my $case (
	[ 'no secret', { ACCESS_KEY_ID => 'AKIDTEST' }, [qr/AWS_SECRET_ACCESS_KEY is not set/] ],
	[ 'a blank', { ACCESS_KEY_ID => 'AKIDTEST', SECRET_ACCESS_KEY => "hush hush" }, [qr/blanks/] ],
	[
		'over',
		{ ACCESS_KEY_ID => 'AKIDTEST', SECRET_ACCESS_KEY => 'hush', CREDENTIAL_EXPIRATION => '2024-01-01T00:00:00Z' },
		[qr/already ended/]
	],
	[
		'no time',
		{ ACCESS_KEY_ID => 'AKIDTEST', SECRET_ACCESS_KEY => 'hush', CREDENTIAL_EXPIRATION => 'soon' },
		[qr/is no time/]
	],
	[ 'wrong secret', { ACCESS_KEY_ID => 'AKIDTEST', SECRET_ACCESS_KEY => 'hush' }, [ qr/SignatureDoesNotMatch/, qr/credential_source/ ] ],
	[
		'wrong token',
		{ ACCESS_KEY_ID => 'AKIDTEST', SECRET_ACCESS_KEY => 'secretkeytest123', SESSION_TOKEN => 'hush' },
		[qr/InvalidToken/]
	],)
{
	my ($name, $with, $like) = @$case;
	environment(%$with);
	refused("environment: $name", $like);
}

#
# Profile
#
my $keys = "aws_access_key_id = AKIDTEST\naws_secret_access_key = secretkeytest123\n";
my $other = "aws_access_key_id = AKIDOTHER\naws_secret_access_key = hush\n";

environment(ENDPOINT_URL_STS => $endpoint);
server_with("credential_source 'profile'");
refused('profile: no files', [qr/no profile "default" in ".*credentials" or ".*config"/]);
write_file('.aws/credentials', "# comment\n[default]\n$keys\n[other]\n$other");
works('profile: default');
write_file('.aws/credentials', "[ default ]\r\nAWS_ACCESS_KEY_ID=AKIDTEST ; comment\r\naws_secret_access_key =secretkeytest123 # comment\r\n");
works('profile: other spellings');
write_file('.aws/credentials',
	"nonsense\n[default\n[default]\nregion = x\nunknown_key = 1\nno value\ns3 =\n  aws_access_key_id = nested\n$keys");
works('profile: unknown names, nested and broken lines');
server_with("credential_source 'profile', profile 'lake'");
refused('profile: missing', [qr/no profile "lake"/]);
write_file('.aws/config', "[profile   lake]\n$keys");
works('profile: from the config file');
write_file('.aws/config', "[lake]\n$keys");
refused('profile: config file without the word profile', [qr/no profile "lake"/]);

foreach my $case (
	[ 'half a pair', "aws_access_key_id = AKIDTEST\n", [qr/profile "lake" has no secret access key/] ],
	[ 'empty', '', [qr/profile "lake" has no keys/] ],
	[ 'credential_process', "credential_process = /bin/echo hush\n", [ qr/runs no programs/, qr/HINT:/ ] ],
	[ 'sso', "sso_session = x\n", [qr/SSO/] ],
	[ 'a role without keys', "role_arn = $role\n", [qr/neither source_profile nor credential_source/] ],
	[ 'a role with both', "role_arn = $role\nsource_profile = a\ncredential_source = Environment\n", [qr/both/] ],
	[ 'a role with a missing source', "role_arn = $role\nsource_profile = a\n", [qr/profile "a".*does not exist/] ],
	[ 'a circle', "role_arn = $role\nsource_profile = round\n[profile round]\nrole_arn = $role\nsource_profile = lake\n", [qr/circle/] ],
	[ 'an mfa_serial', "role_arn = $role\nsource_profile = lake\nmfa_serial = x\n", [qr/mfa_serial/] ],
	[ 'an unknown source', "role_arn = $role\ncredential_source = Elsewhere\n", [qr/unknown credential_source "Elsewhere"/] ],
	[ 'a source without keys', "role_arn = $role\ncredential_source = Environment\n", [qr/AWS_ACCESS_KEY_ID is not set/] ],
	[
		'a role denied',
		"role_arn = arn:aws:iam::123456789012:role/other\nsource_profile = lake\n$keys",
		[ qr{role "arn:aws:iam::123456789012:role/other": HTTP status 403, AccessDenied}, qr/HINT:.*trust policy/ ]
	],
	[
		'wrong keys for a role',
		"role_arn = $role\nsource_profile = lake\naws_access_key_id = AKIDTEST\naws_secret_access_key = hush\n",
		[qr/SignatureDoesNotMatch/]
	],)
{
	my ($name, $text, $like) = @$case;
	write_file('.aws/config', "[profile lake]\n$text");
	refused("profile: $name", $like);
}

write_file('.aws/config', "[profile lake]\nrole_arn = $role\nsource_profile = base\nrole_session_name = me\n[profile base]\n$keys");
works('profile: a role', [ qr/^sts AssumeRole $role me None AKIDTEST$/m, qr/^s3 list ASIAROLE1 ok$/m ]);
$services->set(external_id => 'ext-1');
refused('profile: a role that wants an external id', [qr/AccessDenied/]);
write_file('.aws/config', "[profile lake]\nrole_arn = $role\nexternal_id = ext-1\nsource_profile = lake\n$keys");
works('profile: a role with its own keys and an external id', [qr/pinterest_pipeline ext-1 AKIDTEST$/m]);
$services->set(external_id => undef);
write_file('token', "token-1\n");
write_file('.aws/config', "[profile lake]\nrole_arn = $role\nweb_identity_token_file = $token_file\n");
works('profile: a token file', [qr/^sts AssumeRoleWithWebIdentity/m]);
chmod 0, "$home/.aws/config";
refused('profile: unreadable', [qr/could not read ".*config": Permission denied/]) if $> != 0;
chmod 0600, "$home/.aws/config";

write_file('elsewhere', "[lake]\n$keys");
environment(SHARED_CREDENTIALS_FILE => '~/elsewhere', CONFIG_FILE => '/nowhere', PROFILE => 'lake');
server_with("credential_source 'profile'");
works('profile: files and name from the environment');

#
# Container
#
environment(CONTAINER_CREDENTIALS_FULL_URI => "$endpoint/container?x=1", CONTAINER_AUTHORIZATION_TOKEN => 'token-1');
server_with("credential_source 'container'");
$services->set(authorization => 'token-1');
works('container', [ qr/^container token-1$/m, qr/^s3 list ASIACONTAINER1 ok$/m ]);
foreach my $case (
	[ { container => 'denied' }, [qr/403, AccessDenied, "not with \*+"/] ],
	[ { container => 'failing' }, [qr/status 500/] ],
	[ { container => 'broken' }, [qr/is no JSON object/] ],
	[ { container => 'incomplete' }, [qr/has no secret access key/] ],
	[ { container => 'ok', lifetime => -10 }, [ qr/already ended/, qr/HINT:.*clock/ ] ],
	[ { container => 'hang' }, [ qr/does not answer/, qr/2000 ms/ ] ],)
{
	my ($settings, $like) = @$case;
	$services->set(%$settings);
	refused("container: $settings->{container}", $like);
}
refused('container: a wait is cancelled', [qr/statement timeout/],
	sql => "SET statement_timeout = 500; $sum", state => '57014', within => 2);

environment(CONTAINER_CREDENTIALS_FULL_URI => "$endpoint/container", CONTAINER_AUTHORIZATION_TOKEN_FILE => $token_file);
foreach my $token (qw(token-1 token-2))
{
	write_file('token', "$token\n");
	$services->set(authorization => $token);
	works("container: $token from the file");
}
write_file('token', "token-1\r\nx-other: hush");
refused('container: a token of two lines', [qr/line break/]);
unlink $token_file;
refused('container: no token file', [qr/could not read AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE/]);

environment(CONTAINER_CREDENTIALS_FULL_URI => 'http://192.0.2.1/container');
refused('container: a host not asked over plain http', [ qr/"192.0.2.1"/, qr/plain http/ ]);
environment(CONTAINER_CREDENTIALS_FULL_URI => 'http://127.0.0.1.example/container');
refused('container: a host that looks like one', [qr/plain http/]);
environment(CONTAINER_CREDENTIALS_FULL_URI => 'nonsense');
refused('container: no URI', [qr/is no URI/]);
environment(CONTAINER_CREDENTIALS_RELATIVE_URI => '//192.0.2.1/x');
refused('container: no keys at the address of ECS', [qr/does not answer|refused to give keys/]);
environment();
refused('container: none', [qr/neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor/]);

#
# Instance
#
environment(EC2_METADATA_SERVICE_ENDPOINT => "$endpoint/");
server_with("credential_source 'instance'");
my $log = works('instance', [qr/^s3 get ASIAINSTANCE1 ok$/m]);
like($log, qr/\Ainstance PUT token\ninstance GET \ninstance GET app-role\ns3 /, 'instance: three requests, in order');
$services->log;
succeeds($node, "$sum; $sum; BEGIN; $sum; COMMIT", "3|6\n3|6\n3|6", 'instance: several queries of a session');
is(scalar(() = $services->log =~ /^instance /mg), 3, 'instance: kept for the session');
$services->set(instance => 'flaky');
works('instance: keys not there at first');
foreach my $case (
	[ { instance => 'v1' }, [ qr/version 1/, qr/HINT:.*version 2/ ] ],
	[ { instance => 'no_role' }, [ qr/has no role/, qr/HINT:.*instance profile/ ] ],
	[ { instance => 'failing' }, [qr/status 500, "no keys yet"/] ],
	[ { instance => 'broken' }, [qr/is no JSON object/] ],
	[ { instance => 'v2', lifetime => -10 }, [qr/already ended/] ],
	[ { instance => 'hang' }, [ qr/does not answer/, qr/HINT:.*hop limit/ ] ],)
{
	my ($settings, $like) = @$case;
	$services->set(%$settings);
	refused("instance: $settings->{instance}", $like, within => 5);
}

# Planning asks nobody
$services->log;
$node->safe_psql('postgres', "EXPLAIN $sum; PREPARE p AS $sum; EXPLAIN EXECUTE p");
is($services->log, '', 'EXPLAIN asks for no keys');

environment(EC2_METADATA_DISABLED => 'true');
refused('instance: disabled', [qr/AWS_EC2_METADATA_DISABLED/]);
environment(EC2_METADATA_SERVICE_ENDPOINT => 'http://192.0.2.1');
refused('instance: nothing there', [qr/does not answer/], within => 5);
environment(EC2_METADATA_SERVICE_ENDPOINT => 'nonsense');
refused('instance: malformed endpoint', [qr/invalid endpoint "nonsense"/], state => 'HV024');

#
# Web identity
#
write_file('token', "token-1");
environment(WEB_IDENTITY_TOKEN_FILE => $token_file, ROLE_ARN => $role, ROLE_SESSION_NAME => 'pod', ENDPOINT_URL_STS => $endpoint);
server_with("credential_source 'web_identity'");
works('web identity', [ qr/^sts AssumeRoleWithWebIdentity $role pod None token-1$/m, qr/^s3 list ASIAROLE1 ok$/m ]);
$services->set(identity_token => 'token-2');
refused('web identity: a token that is over', [qr/InvalidIdentityToken, "unknown token \*+"/]);
write_file('token', "token-2\n");
works('web identity: the file is read anew');
write_file('token', '');
refused('web identity: an empty file', [qr/is empty/]);
unlink $token_file;
refused('web identity: no file', [qr/could not read the web identity token file ".*token": No such file/]);
$services->set(sts => 'broken');
write_file('token', 'token-2');
refused('web identity: half an answer', [qr/not valid XML/]);
$services->set(sts => 'failing');
refused('web identity: STS is busy', [qr/503, ServiceUnavailable/]);
environment(WEB_IDENTITY_TOKEN_FILE => $token_file);
refused('web identity: no role', [qr/AWS_ROLE_ARN is not/]);
environment();
refused('web identity: none', [qr/AWS_WEB_IDENTITY_TOKEN_FILE is not set/]);

#
# Chain
#
unlink "$home/.aws/credentials", "$home/.aws/config";
server_with("credential_source 'chain'");
environment(EC2_METADATA_DISABLED => 'true');
refused('chain: nothing anywhere',
	[ qr/environment: AWS_ACCESS_KEY_ID/, qr/web_identity: /, qr/profile: /, qr/container: /, qr/instance: / ]);
environment(EC2_METADATA_SERVICE_ENDPOINT => $endpoint);
works('chain: the instance comes last', [qr/^s3 list ASIAINSTANCE/m]);
environment(EC2_METADATA_SERVICE_ENDPOINT => $endpoint, CONTAINER_CREDENTIALS_FULL_URI => "$endpoint/container");
works('chain: the container before it', [qr/^s3 list ASIACONTAINER/m]);
$services->set(container => 'denied');
refused('chain: what is there and fails ends it', [qr/container: .*403/]);
write_file('.aws/credentials', "[default]\n$keys");
works('chain: a profile before both', [qr/^s3 list AKIDTEST/m]);
environment(ACCESS_KEY_ID => 'AKIDOTHER', SECRET_ACCESS_KEY => 'hush');
refused('chain: the environment before all', [qr/InvalidAccessKeyId/]);
server_with("credential_source 'chain', profile 'default'");
works('chain: a named profile before the environment', [qr/^s3 list AKIDTEST/m]);

#
# Roles on top, with the keys of a user
#
sub mapping
{
	my ($for, $more) = @_;
	$node->safe_psql('postgres', "CREATE USER MAPPING FOR $for SERVER s
		OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123'@{[ $more // '' ]})");
	return;
}

environment();
server_with("role_arn '$role', external_id 'ext/1', role_session_name 'nightly\@db', sts_endpoint '$endpoint'");
mapping('CURRENT_USER');
$services->set(external_id => 'ext/1');
works('role', [ qr/^sts AssumeRole $role nightly\@db ext\/1 AKIDTEST$/m, qr/^s3 list ASIAROLE1 ok$/m ]);
$services->set(external_id => 'other');
refused('role: denied', [qr/AccessDenied/]);
$services->set(external_id => 'ext/1', sts => 'broken');
refused('role: half an answer', [qr/not valid XML/]);
bucket_over($endpoint, "role_arn '$role', sts_endpoint 'http://127.0.0.1:1'");
mapping('CURRENT_USER');
refused('role: nothing answers', [ qr/STS at "127.0.0.1:1" does not answer/ ]);
server_with();
mapping('CURRENT_USER', ", session_token 'hush'");
refused('user mapping: a token that does not belong', [ qr/InvalidToken/, qr/HINT:.*user mapping/ ]);
like($services->log, qr/^s3 list AKIDTEST InvalidToken\n\z/m, 'user mapping: asked once');

#
# Keys that end
#
environment(EC2_METADATA_SERVICE_ENDPOINT => $endpoint);
server_with("credential_source 'instance'");

sub slow_scan
{
	my ($objects, $delay) = @_;
	$services->set(objects => $objects, get_delay => $delay);
	return "SET pinterest.s3_connections = 1; $sum";
}

$services->set(lifetime => 4);
succeeds($node, slow_scan(24, 0.25), '24|300', 'keys that end during a scan: all rows');
$log = $services->log;
unlike($log, qr/Expired/, 'renewed before they end');
cmp_ok(scalar(() = $log =~ /^instance PUT/mg), '>', 1, 'renewed during the scan');

# Ended early, in the middle of a session: renewed once
$services->reset;
$services->set(get_delay => 0.05, objects => 20);
my ($stdout, $stderr);
my $pump = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
	'<', \my $stdin, '>', \$stdout, '2>', \$stderr);
$stdin = "$sum;\n";
$pump->pump until $stdout =~ /20\|210/;
$services->revoke;
$stdin .= "$sum;\n";
$pump->finish;
is($stdout, "20|210\n20|210\n", 'keys revoked: renewed, all rows') or diag($stderr);
$log = $services->log;
like($log, qr/ExpiredToken/, 'keys revoked: the service said so');
is(scalar(() = $log =~ /^instance PUT/mg), 1, 'keys revoked: renewed once');

# Every process of a parallel query has its own
$services->reset;
$services->set(objects => 40);
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SET parallel_leader_participation = off';
succeeds($node, "$parallel; $sum", '40|820', 'parallel processes: all rows');
$log = $services->log;
unlike($log, qr/^s3 get (?!ASIAINSTANCE\d+ ok$)/m, 'parallel processes: signed by the instance');
cmp_ok(scalar(() = $log =~ /^instance PUT/mg), '>', 1, 'parallel processes: each has keys of its own');

# Those that cannot be renewed are used to their end
$services->reset;
$services->set(lifetime => 10);
$stdout = $stderr = '';
my $query = slow_scan(20, 0.3);
my $scan = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', $query ],
	'>', \$stdout, '2>', \$stderr);
$scan->pump_nb until $services->log =~ /^s3 get/m;
$services->set(instance => 'failing');
$scan->finish;
is($stdout, "20|210\n", 'keys that cannot be renewed: used while they last') or diag($stderr);
like(slurp_file($node->logfile), qr/could not renew the AWS credentials for server "s", continuing/, 'the log says so');

$services->reset;
$services->set(lifetime => 3);
$stdout = $stderr = '';
$query = slow_scan(20, 0.3);
$scan = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', $query ],
	'>', \$stdout, '2>', \$stderr);
$scan->pump_nb until $services->log =~ /^s3 get/m;
$services->set(instance => 'failing');
$scan->finish;
like($stderr, qr/could not get AWS credentials for server "s": .*status 500/, 'and then the query ends with the reason');

#
# Who may do what
#
environment(ACCESS_KEY_ID => 'AKIDTEST', SECRET_ACCESS_KEY => 'secretkeytest123');
server_with("credential_source 'environment'");
$node->safe_psql('postgres', q(
	CREATE ROLE plain;
	GRANT USAGE ON FOREIGN DATA WRAPPER s3_json TO plain;
	GRANT CREATE ON SCHEMA public TO plain;));

sub as_plain { my ($sql) = @_; return "SET ROLE plain; $sql"; }

foreach my $source (qw(environment profile container instance web_identity chain))
{
	refused("an ordinary role may not set $source",
		[ qr/permission denied to set option "credential_source" to "$source"/, qr/HINT:/ ],
		sql => as_plain("CREATE SERVER x FOREIGN DATA WRAPPER s3_json OPTIONS (credential_source '$source')"),
		state => '42501');
}
$node->safe_psql('postgres', as_plain(
	"CREATE SERVER own FOREIGN DATA WRAPPER s3_json
		OPTIONS (credential_source 'user_mapping', role_arn '$role', endpoint '$endpoint', sts_endpoint '$endpoint')"));
refused('nor turn its own server into such a one', [qr/permission denied to set option/],
	sql => as_plain("ALTER SERVER own OPTIONS (SET credential_source 'environment')"), state => '42501');
refused('nor ask for a profile', [qr/"profile" needs option "credential_source"/],
	sql => as_plain("ALTER SERVER own OPTIONS (ADD profile 'x')"), state => 'HV00J');

refused('a table of a superuser\'s server needs the right to read it', [qr/permission denied for/],
	sql => as_plain($sum), state => '42501');
$node->safe_psql('postgres', 'GRANT SELECT ON t TO plain');
succeeds($node, as_plain($sum), '3|6', 'a superuser\'s server lends the identity to whoever may read the table');

# The server changes hands
$node->safe_psql('postgres', 'ALTER SERVER s OWNER TO plain; ALTER TABLE t OWNER TO plain');
refused('a server that is no superuser\'s lends nothing', [ qr/permission denied to use credential_source "environment" of server "s"/, qr/HINT:.*superuser/ ],
	sql => as_plain($sum), state => '42501');
refused('and its new owner cannot send the keys elsewhere', [qr/permission denied to set option "credential_source"/],
	sql => as_plain("ALTER SERVER s OPTIONS (SET endpoint 'http://192.0.2.1')"), state => '42501');
$node->safe_psql('postgres', "CREATE VIEW v AS SELECT * FROM t; ALTER VIEW v OWNER TO plain; GRANT SELECT ON v TO PUBLIC");
refused('not through a view of an ordinary role either', [qr/permission denied to use/],
	sql => 'SELECT * FROM v', state => '42501');
# superusers may, but this machine's own addresses are still closed to the server
refused('a superuser may use it', [qr/loopback address/], state => '42501');

# A wrapper without a validator lets everybody set everything
$node->safe_psql('postgres', qq(
	CREATE FOREIGN DATA WRAPPER lax HANDLER pinterest.s3_json_handler;
	GRANT USAGE ON FOREIGN DATA WRAPPER lax TO plain;
	SET ROLE plain;
	CREATE SERVER trap FOREIGN DATA WRAPPER lax OPTIONS (credential_source 'environment', endpoint '$endpoint');
	CREATE FOREIGN TABLE trap (n int) SERVER trap OPTIONS (location 's3://bucket/in/');));
refused('a superuser does not fall into the trap of a wrapper without validator', [qr/permission denied to use/],
	sql => 'SELECT * FROM trap', state => '42501');

# The endpoint of STS is checked as the other one is
$node->safe_psql('postgres', qq(
	CREATE USER MAPPING FOR plain SERVER own OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123');
	CREATE FOREIGN TABLE o (n int) SERVER own OPTIONS (location 's3://bucket/in/');
	GRANT SELECT ON o TO plain;));
refused('STS at a loopback address, of a server that is no superuser\'s', [ qr/STS at/, qr/loopback address/ ],
	sql => as_plain('SELECT * FROM o'));
is($services->log =~ /^sts/m, '', 'nothing was sent there');
server_with("role_arn '$role', sts_endpoint 'http://169.254.169.254'");
mapping('CURRENT_USER');
refused('STS at a link-local address is refused to superusers too', [qr/link-local address/]);
bucket_over('http://169.254.169.254');
mapping('CURRENT_USER');
refused('and so is a bucket there', [qr/link-local address/], state => '42501');

# The statements of this test hold the keys of the mappings, and no more
unlike(slurp_file($node->logfile), qr/tokenOf|secret\/|token-\d/, 'the log of the server holds no secret');

done_testing();
