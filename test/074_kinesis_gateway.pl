# INSERT into streams through an API gateway: the requests it gets, and what becomes of
# a statement when it refuses some or all of them.

use strict;
use warnings;

use lib 'test/lib';
use JSON::PP ();
use KinesisTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kinesis = start_kinesis('ferrokinesis') // start_kinesis('kinesis-local');

plan skip_all => 'no Kinesis server could be installed' if !defined $kinesis;

my ($true, $false) = (JSON::PP::true(), JSON::PP::false());
my $gateway = start_api_gateway($kinesis);
my $node = new_node('kinesis_gateway');
my ($url, $endpoint) = ($gateway->url, $kinesis->endpoint);
my $number = 0;
my $stream;

$node->safe_psql(
	'postgres', qq(
	ALTER DATABASE postgres SET pinterest.kinesis_pacing = off;
	CREATE SERVER gateway FOREIGN DATA WRAPPER kinesis_json OPTIONS (endpoint '$endpoint', api_gateway '$url')));

# A fresh stream, and its table t
sub fresh
{
	my ($options) = @_;

	$options //= '';
	$stream = 's' . ++$number;
	$kinesis->create_stream($stream, 1);
	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, t text, key text OPTIONS (metadata 'partition_key'), hash numeric OPTIONS (metadata 'explicit_hash_key'),
			seq numeric OPTIONS (metadata 'sequence_number'), data bytea OPTIONS (metadata 'data'))
		SERVER gateway OPTIONS (stream '$stream'$options)));
	$gateway->reset;
	$gateway->log;
	return;
}

sub contents { return [ map { $_->[2] } $kinesis->records($stream) ]; }
sub numbers { return join(' ', map { /"n":(\d+)/ } @{ contents() }); }

# The log, without what is the same everywhere
sub requests { return join(' ', map { s{^PUT /test/streams/$stream/}{}r =~ s/ unsigned 200$//r } split /\n/, $gateway->log); }

my $ten = 'INSERT INTO t (n) SELECT generate_series(1, 10)';

#
# What is sent
#
fresh();
$node->safe_psql('postgres', q(INSERT INTO t (n, t, key) VALUES (1, 'é"', 'k')));
is($gateway->body, qq({"StreamName":"$stream","Data":{"n":1,"t":"\xc3\xa9\\""},"PartitionKey":"k"}), 'one row: the record as JSON');
$node->safe_psql('postgres', q(INSERT INTO t (n, t, key) VALUES (2, 'é"', 'k'), (3, NULL, 'l')));
is($gateway->body, q({"records":[{"data":"{\"n\":2,\"t\":\") . "\xc3\xa9" . q(\\\\\"\"}","partition-key":"k"},{"data":"{\"n\":3,\"t\":null}","partition-key":"l"}]}),
	'several: the records as text');
is(requests(), 'record records', 'each has its path');
is_deeply(contents(), [ "{\"n\":1,\"t\":\"\xc3\xa9\\\"\"}", "{\"n\":2,\"t\":\"\xc3\xa9\\\"\"}", '{"n":3,"t":null}' ], 'they come out alike');
$node->safe_psql('postgres', q(INSERT INTO t (data) VALUES ('{"n": 4, "any": [1]}'), ('"text"')));
$node->safe_psql('postgres', q(COPY t (n) FROM STDIN;) . "\n5\n\\.\n");
is_deeply([ @{ contents() }[ 3 .. 5 ] ], [ '{"n": 4, "any": [1]}', '"text"', '{"n":5,"t":null}' ], 'records as a whole; COPY');
fresh();
$node->safe_psql('postgres', 'INSERT INTO t (n) SELECT generate_series(1, 1300)');
is(requests(), 'records records records', 'many rows: some requests');
is(join(' ', sort { $a <=> $b } split / /, numbers()), join(' ', 1 .. 1300), 'all are there');
fresh(q(, partition_key 'k'));
$node->safe_psql('postgres', $ten);
is(requests(), join(' ', ('record') x 10), 'a key: one after the other');
is(numbers(), join(' ', 1 .. 10), 'in order');
fresh();
is($node->safe_psql('postgres', 'INSERT INTO t (n) SELECT 1 WHERE false RETURNING n'), '', 'no rows');
like($node->safe_psql('postgres', 'EXPLAIN (COSTS off) INSERT INTO t (n) VALUES (1)'), qr/Stream: $stream\s+Api Gateway: \Q$url\E$/m, 'EXPLAIN');
is(requests(), '', 'ask nobody');

#
# What cannot be sent
#
foreach my $case (
	[ q{hash) VALUES (1, 1}, '0A000', qr/column "hash".*API gateway takes no more than partition key and data/s ],
	[ q{seq) VALUES (1, 1}, '0A000', qr/column "seq"/ ],
	[ q{key) VALUES (1, 'a"b'}, '22023', qr/takes no such partition key.*row 1 of the statement/s ],
	[ q{key) VALUES (1, 'a\b'}, '22023', qr/quotes, backslashes or control characters/ ],
	[ qq{key) VALUES (1, E'a\\nb'}, '22023', qr/takes no such partition key/ ],
	[ q{data) VALUES (NULL, '\x00'}, '22P02', qr/API gateway takes no value that is not JSON/ ],
	[ q{data) VALUES (NULL, 'x'}, '22P02', qr/invalid input syntax for type json/ ])
{
	my ($sql, $state, $pattern) = @$case;

	fails($node, "INSERT INTO t (n, $sql)", { state => $state, like => [$pattern] }, "refused: $sql");
}
is(requests(), '', 'and nothing was sent');

#
# Records that are refused
#
fresh();
$gateway->set(refuse => [ 3, 4 ]);
succeeds($node, $ten, '', 'records that may be taken later');
is(requests(), 'records records', 'go again');
is(numbers(), '1 2 3 6 7 8 9 10 4 5', 'alone');
fresh();
$gateway->set(refuse => [3], code => 'ProvisionedThroughputExceededException');
succeeds($node, $ten, '', 'one of them');
is(requests(), 'records record', 'goes as one');
fresh();
$gateway->set(refuse => [3], code => 'KMSDisabledException');
fails($node, q(INSERT INTO t (n, key) SELECT i, 'k' || i FROM generate_series(1, 10) AS i),
	{ state => '55000', like => [ qr/could not write row 4 of the statement, with partition key "k4", to stream "$stream": KMSDisabledException/, qr/"Not now\."/, qr/^9 records had been delivered, and stay\./m ] },
	'a record that is refused for good');
is(numbers(), '1 2 3 5 6 7 8 9 10', 'the others are there');

#
# Requests that fail
#
foreach my $status (429, 503)
{
	fresh();
	$gateway->set(fail_requests => 2, status => $status, message => 'Too Many Requests');
	succeeds($node, $ten, '', "status $status: sent again");
	is(numbers(), join(' ', 1 .. 10), "status $status: each row is there once");
}
foreach my $case (
	[ 'an error of the gateway', [ fail_requests => 100 ], 'HV000', qr/HTTP status 500.*"Internal server error".*10 records may have been delivered/s ],
	[ 'a service that took too long', [ fail_requests => 100, status => 504, message => 'Endpoint request timed out' ], 'HV000', qr/HTTP status 504.*10 records may have been delivered/s ],
	[ 'forbidden', [ fail_requests => 100, status => 403, message => 'Forbidden' ], '42501', qr/HTTP status 403.*"Forbidden"/s ],
	[ 'too large', [ fail_requests => 100, status => 413, message => 'Request Too Long' ], 'HV000', qr/HTTP status 413/ ],
	[ 'a web page', [ answer => '<html>' ], 'HV000', qr/answer is not valid for PutRecords.*10 records may have been delivered/s ],
	[ 'an answer to other records', [ answer => '{"FailedRecordCount":0,"Records":[]}' ], 'HV000', qr/answer is not valid for PutRecords/ ],
	[ 'an answer to one', [ answer => '{"SequenceNumber":"1","ShardId":"shardId-000000000000"}' ], 'HV000', qr/answer is not valid for PutRecords/ ],
	[ 'an error with status 200', [ answer => '{"__type":"AccessDeniedException","message":"no"}' ], '42501', qr/AccessDeniedException.*"no"/s ],
	[ 'a cut answer', [ cut => $true ], '08006', qr/10 records may have been delivered/ ])
{
	my ($name, $fault, $state, $pattern) = @$case;

	fresh();
	$gateway->set(@$fault);
	fails($node, $ten, { state => $state, like => [ qr/could not write to stream "$stream"/, $pattern ] }, $name);
	is(scalar(() = $gateway->log =~ /^PUT/mg), 1, "$name: sent once");
}
foreach my $plain ($false, $true)
{
	fresh();
	$node->safe_psql('postgres', q(ALTER FOREIGN TABLE t OPTIONS (SET stream 'nowhere')));
	$gateway->set(plain_200 => $plain);
	fails($node, $_, { state => '42704', like => [qr/"nowhere": ResourceNotFoundException/] }, 'a stream that is not there') foreach $ten, 'INSERT INTO t (n) VALUES (1)';
}
fresh();
$gateway->set(hang => $true);
fails($node, "SET statement_timeout = '1s'; $ten", { state => '57014', within => 4, like => [qr/10 records may have been delivered/] }, 'no answer: cancelled');
fails($node, "SET pinterest.request_timeout = '1s'; $ten", { state => '08006', within => 10, like => [qr/10 records may have been delivered/] }, 'no answer');

#
# Who asks, and where
#
fresh();
$gateway->set(unsigned => $false);
fails($node, $ten, { state => '42501', like => [ qr/Missing Authentication Token/, qr/HINT: .*api_gateway/ ] }, 'it wants signatures');
$node->safe_psql('postgres', q(CREATE USER MAPPING FOR CURRENT_USER SERVER gateway OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123')));
$gateway->set(keys => { AKIDTEST => [ 'secretkeytest123', undef ] });
$gateway->log;
succeeds($node, "$ten; INSERT INTO t (n) VALUES (11)", '', 'requests are signed');
is($gateway->log, "PUT /test/streams/$stream/records signed 200\nPUT /test/streams/$stream/record signed 200\n", 'as it heard');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 11, 'reading goes to the service');
is($gateway->log, '', 'and not to it');
$node->safe_psql('postgres', q(ALTER SERVER gateway OPTIONS (ADD region 'eu-west-1')));
fails($node, $ten, { state => '42501', like => [qr/signature we calculated does not match/] }, 'another region');
$node->safe_psql('postgres', q(ALTER SERVER gateway OPTIONS (DROP region)));
$gateway->set(keys => { AKIDTEST => [ 'secretkeytest123', 'TOKEN/with+signs==' ] });
fails($node, $ten, { state => '42501' }, 'a missing session token');
$node->safe_psql('postgres', q(ALTER USER MAPPING FOR CURRENT_USER SERVER gateway OPTIONS (ADD session_token 'TOKEN/with+signs==')));
succeeds($node, $ten, '', 'a session token is signed');
$node->safe_psql('postgres', "ALTER SERVER gateway OPTIONS (SET api_gateway '$url/')");
succeeds($node, $ten, '', 'a URL that ends with a slash');
$node->safe_psql('postgres', "ALTER SERVER gateway OPTIONS (SET api_gateway '$url/elsewhere')");
fails($node, $ten, { state => '42501', like => [ qr/Missing Authentication Token/, qr/HINT: .*api_gateway/ ] }, 'a URL that is no gateway\'s');

# HTTPS
my $folder = PostgreSQL::Test::Utils::tempdir('tls');
my @certificate = ("$folder/server.pem", "$folder/server.key");

system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=server',
	'-addext', 'subjectAltName=IP:127.0.0.1', '-out', $certificate[0], '-keyout', $certificate[1]);
my $secure = start_api_gateway($kinesis, @certificate);
$node->safe_psql('postgres', "ALTER SERVER gateway OPTIONS (SET api_gateway '@{[ $secure->url ]}')");
fails($node, "SET pinterest.max_retries = 1; $ten", { state => 'HV00N', like => [qr/certificate.*HINT: .*"ca_file"/s] }, 'HTTPS: an authority that this machine does not know');
$node->safe_psql('postgres', "ALTER SERVER gateway OPTIONS (ADD ca_file '$certificate[0]')");
my $before = () = $kinesis->records($stream);
succeeds($node, $ten, '', 'HTTPS: the authority of ca_file');
is(scalar(() = $kinesis->records($stream)), $before + 10, 'HTTPS: the records are there');

# check_server asks the gateway as well
my $checked = q(SELECT outcome, detail FROM pinterest.check_server('gateway') WHERE step IN ('gateway', 'first record'));

like($node->safe_psql('postgres', $checked), qr/^ok\|Streams that the API gateway lists: \d+.*^ok\|A record became a row/ms, 'check_server: the gateway');
$node->safe_psql('postgres', q(ALTER SERVER gateway OPTIONS (SET api_gateway 'http://127.0.0.1:1')));
like($node->safe_psql('postgres', $checked), qr/^failed\|Could not list the streams of "127.0.0.1:1".*^ok\|A record became a row/ms, 'check_server: no gateway');
fails($node, "SET pinterest.max_retries = 1; $ten", { state => 'HV00N' }, 'nobody there');
$node->safe_psql('postgres', qq(
	CREATE ROLE plain LOGIN; GRANT USAGE ON FOREIGN DATA WRAPPER kinesis_json TO plain; GRANT CREATE ON SCHEMA public TO plain; SET ROLE plain;
	CREATE SERVER theirs FOREIGN DATA WRAPPER kinesis_json OPTIONS (api_gateway '$url');
	CREATE FOREIGN TABLE theirs (n int) SERVER theirs OPTIONS (stream '$stream')));
fails($node, 'SET ROLE plain; INSERT INTO theirs VALUES (1)', { state => '42501', like => [qr/open only to a server that a superuser owns/] }, 'a server of somebody else: no private addresses');

$node->stop;
done_testing();
