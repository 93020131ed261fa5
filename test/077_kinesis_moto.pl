# kinesis_json against a stand-in for AWS, not ours, that checks signatures and what
# the owner of the keys may do.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use KinesisTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $moto = start_moto() // plan skip_all => 'no moto here';
my $node = new_node('kinesis_moto');
my ($key, $secret) = $moto->create_user('reader', 'kinesis:*');
my ($other_key, $other_secret) = $moto->create_user('lister', qw(kinesis:DescribeStreamSummary kinesis:ListShards));

$moto->create_stream('pins', 2);
$moto->put('pins', map { [ "key$_", qq({"n":$_}) ] } 1 .. 20);
$moto->split('pins', 'shardId-000000000000');
$moto->put('pins', map { [ "key$_", qq({"n":$_}) ] } 21 .. 40);
$moto->check_signatures;
ok(!eval { $moto->call('ListStreams', {}); 1 }, 'a signature of nought is refused');

$node->safe_psql('postgres', qq(
	CREATE SERVER moto FOREIGN DATA WRAPPER kinesis_json OPTIONS (endpoint '@{[ $moto->endpoint ]}');
	CREATE USER MAPPING FOR CURRENT_USER SERVER moto OPTIONS (access_key_id '$key', secret_access_key '$secret');
	CREATE FOREIGN TABLE t (n int, shard text OPTIONS (metadata 'shard_id')) SERVER moto OPTIONS (stream 'pins');
	CREATE FOREIGN TABLE arn (n int) SERVER moto OPTIONS (stream 'arn:aws:kinesis:us-east-1:123456789012:stream/pins');
	CREATE FOREIGN TABLE gone (n int) SERVER moto OPTIONS (stream 'a.b_c-d');));

my $unpaced = 'SET pinterest.kinesis_pacing = off; ';

succeeds($node, "$unpaced SELECT count(*), sum(n), count(DISTINCT shard) >= 2 FROM t", '40|820|t', 'signed, the stream can be read');
succeeds($node, "$unpaced SELECT count(*), sum(n) FROM arn", '40|820', 'by its ARN, too');
succeeds($node, q(SELECT string_agg(step || ' ' || outcome, ', ') FROM pinterest.check_server('moto', 'pins')),
	'options ok, name lookup skipped, connection ok, TLS skipped, clock ok, credentials ok, list ok, first record ok', 'check_server');
fails($node, 'SELECT * FROM gone', { state => '42704', like => [qr/ResourceNotFoundException/] }, 'a stream that is not there');

sub with_keys
{
	my ($id, $word, $more) = @_;

	$more //= '';
	$node->safe_psql('postgres', qq(
		DROP USER MAPPING FOR CURRENT_USER SERVER moto;
		CREATE USER MAPPING FOR CURRENT_USER SERVER moto OPTIONS (access_key_id '$id', secret_access_key '$word'$more)));
	return;
}

with_keys($key, "x$secret");
fails($node, 'SELECT * FROM t', { state => '28000', like => [ qr/SignatureDoesNotMatch/, qr/HINT: .*secret_access_key/ ] }, 'a wrong secret');
with_keys('AKIA0000000000000000', $secret);
fails($node, 'SELECT * FROM t', { state => '28000', like => [ qr/InvalidClientTokenId/, qr/HINT: .*access_key_id/ ] }, 'an unknown key');
with_keys($key, $secret, ", session_token 'no/token+of+theirs=='");
fails($node, 'SELECT * FROM t', { state => '28000', like => [qr/InvalidClientTokenId/] }, 'a session token of nobody');
with_keys($other_key, $other_secret);
fails($node, 'SELECT * FROM t', { state => '42501', like => [ qr/AccessDenied/, qr/kinesis:GetShardIterator/ ] }, 'keys that may list shards, and no more');
with_keys($key, $secret);
succeeds($node, "$unpaced SELECT count(*) FROM t", 40, 'and the right ones again');

$node->stop;
done_testing();
