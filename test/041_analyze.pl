# ANALYZE over a real S3 server: estimates from samples, with the owner's keys; and
# that it can be cancelled.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('analyze');
my $endpoint = start_versitygw();
our $faults = start_fault_server();	# our: it is to live until the END blocks have run

# How many rows a table is taken to have
sub rows_of
{
	my ($table) = @_;
	return $node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE oid = '$table'::regclass");
}

SKIP:
{
	skip 'versitygw could not be built here', 3 if !defined $endpoint;
	my $folder = PostgreSQL::Test::Utils::tempdir('lake');

	$node->safe_psql('postgres', 'SELECT pinterest.generate_posts(300, 3)');
	write_sink($node, $folder, 'u1.pin', 'SELECT row_to_json(t) FROM pinterest_data t');
	put_folder($endpoint, 'analyze-bucket', $folder);
	create_bucket_server($node, 'lake', $endpoint);
	$node->safe_psql('postgres', q{
		CREATE FOREIGN TABLE pins (index int, category text, path text OPTIONS (metadata 'path'))
			SERVER lake OPTIONS (location 's3://analyze-bucket/topics/', layout 'sink');
		ANALYZE pins;});
	is(rows_of('pins'), '300', 'every object of a small bucket is counted');
	is($node->safe_psql('postgres', "SELECT n_distinct FROM pg_stats WHERE tablename = 'pins' AND attname = 'path'"),
		'-1', 'columns have statistics, those of metadata too');

	# the owner's keys, not those of whoever runs ANALYZE
	$node->safe_psql('postgres', 'CREATE ROLE owner; GRANT USAGE ON FOREIGN SERVER lake TO owner; ALTER FOREIGN TABLE pins OWNER TO owner');
	fails($node, 'ANALYZE pins', { state => 'HV00J', like => [qr/has no keys for server/] }, 'the keys are those of the owner');
}

# Many objects: those drawn are fetched, and no more; the estimate is near
create_bucket_server($node, 'faulty', $faults->endpoint);
$faults->generate('many', count => 20000, key => 'a{:010d}.json', body => "{\"i\":{}}\n{\"i\":1}\n");
$node->safe_psql('postgres', q{
	CREATE FOREIGN TABLE many (i int) SERVER faulty OPTIONS (location 's3://many/');
	ANALYZE many;});
my $rows = rows_of('many');
ok($rows > 39000 && $rows < 41000, "about 40000 rows: $rows");
is($faults->counters('many')->{get}, 3000, 'a bounded number of objects is fetched');

# It can be cancelled while it lists and while it fetches
foreach my $op (qw(list get))
{
	$faults->generate("hang-$op", count => 10, key => 'a{:010d}.json', body => '{"i":{}}');
	$faults->fault("hang-$op", fault => 'hang', op => $op);
	$node->safe_psql('postgres',
		"CREATE FOREIGN TABLE hang_$op (i int) SERVER faulty OPTIONS (location 's3://hang-$op/')");
	fails($node, "SET statement_timeout = '1s'; ANALYZE hang_$op",
		{ state => '57014', within => 2.5 }, "cancelled, without an answer to a $op");
}

done_testing();
