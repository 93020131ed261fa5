# The daily run of a pipeline, started by the ways that docs/pipeline.md names: cron,
# pg_cron and the DAG of examples/airflow, in a real Airflow; and what each says of a run
# that fails.

use strict;
use warnings;

use lib 'test/lib';
use Cwd qw(getcwd);
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('daily_run');
my $folder = PostgreSQL::Test::Utils::tempdir('lake');
my $with_cron = -e $node->config_data('--pkglibdir') . '/pg_cron.so';

if ($with_cron)
{
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\ncron.host = '@{[ $node->host ]}'\n");
	$node->restart;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
}
mkdir "$folder/topics" or die;
$node->safe_psql(
	'postgres', qq(
	CREATE SERVER lake FOREIGN DATA WRAPPER s3_json;
	SELECT pinterest.create_pipeline(name, 'lake', 'u1', 'file://$folder', mode => 'landed') FROM unnest('{daily,by_cron}'::text[]) AS name;
	SELECT pinterest.generate_posts(300)));
$node->safe_psql('postgres', q(CALL pinterest.emulate_posting('daily', posts => 40, seed => 1)));

# How many records have landed in that pipeline
sub landed { my ($pipeline) = @_; return $node->safe_psql('postgres', "SELECT count(*) FROM $pipeline.u1_pin_table"); }

# pg_cron begins with the next minute; meanwhile the others have their turn
$node->safe_psql('postgres', q(
	SELECT cron.schedule('daily', '* * * * *', $$CALL pinterest.run_pipeline('by_cron')$$);
	SELECT cron.schedule('wrong', '* * * * *', $$CALL pinterest.run_pipeline('nowhere')$$))) if $with_cron;

#
# cron
#
sub run_by_psql
{
	my ($pipeline) = @_;
	my $rc = IPC::Run::run([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', "CALL pinterest.run_pipeline('$pipeline')" ], '>&', \my $said);

	return ($rc ? 'succeeded' : 'failed') . ": $said";
}

like(run_by_psql('daily'), qr/^succeeded: NOTICE:  pipeline "daily": 40 pin, 40 geo, 40 user records landed\nCALL$/, 'a line of a crontab');
like(run_by_psql('nowhere'), qr/^failed: ERROR:  pipeline "nowhere" does not exist$/m, 'which fails');

#
# Airflow
#
SKIP:
{
	my $airflow = $ENV{AIRFLOW} // do { my $out = `test/servers/install-airflow`; chomp $out; $out };

	skip 'Airflow could not be fetched', 5 if !-d "$airflow/airflow";
	my ($host, $port, $user) = ($node->host =~ s{/}{%2F}gr, $node->port, $node->safe_psql('postgres', 'SELECT current_user'));

	local %ENV = (%ENV, PYTHONPATH => $airflow, PYTHONDONTWRITEBYTECODE => 1, AIRFLOW_HOME => PostgreSQL::Test::Utils::tempdir('airflow'),
		AIRFLOW__CORE__DAGS_FOLDER => getcwd() . '/examples/airflow', AIRFLOW__CORE__LOAD_EXAMPLES => 'False',
		AIRFLOW_CONN_PINTEREST => "postgres://$user\@$host:$port/postgres");

	# Whether it succeeds, and what it prints
	my $run = sub {
		my $rc = IPC::Run::run([ 'python3', '-m', 'airflow', @_ ], '>&', \my $said, IPC::Run::timeout(180));
		return ($rc, $said);
	};
	my ($ok, $said) = $run->('db', 'migrate');
	ok($ok, 'Airflow has a database of its own') or diag($said);

	$node->safe_psql('postgres', q(CALL pinterest.emulate_posting('daily', posts => 10, seed => 2)));
	($ok, $said) = $run->('dags', 'test', 'pinterest_daily');
	ok($ok && $said =~ /state=success/, 'the DAG runs') or diag($said);
	like($said, qr/pipeline "daily": 10 pin, 10 geo, 10 user records landed/, 'its log has what the run says');
	is(landed('daily'), 50, 'the records are there');

	$node->safe_psql('postgres', q(ALTER FOREIGN TABLE daily.pin_source OPTIONS (SET location 'file:///nowhere/')));
	(undef, $said) = $run->('tasks', 'test', 'pinterest_daily', 'run_pipeline', '2026-01-01');
	ok($said =~ m{could not open directory "/nowhere/} && $said =~ /new_state=up_for_retry/, 'a run that fails is tried again, and the log says why') or diag($said);
}

#
# pg_cron
#
SKIP:
{
	skip 'no pg_cron here', 3 if !$with_cron;
	$node->poll_query_until('postgres', q(SELECT count(DISTINCT command) = 2 FROM cron.job_run_details WHERE end_time IS NOT NULL)) or die;
	like(landed('by_cron'), qr/^(?:40|50)$/, 'pg_cron has run the pipeline');
	is($node->safe_psql('postgres', q(SELECT status, return_message FROM cron.job_run_details WHERE command LIKE '%by_cron%' AND end_time IS NOT NULL LIMIT 1)), 'succeeded|CALL', 'and says so');
	like($node->safe_psql('postgres', q(SELECT status, return_message FROM cron.job_run_details WHERE command LIKE '%nowhere%' AND end_time IS NOT NULL LIMIT 1)),
		qr/^failed\|ERROR:  pipeline "nowhere" does not exist/, 'and has the message of a run that fails');
}

done_testing();
