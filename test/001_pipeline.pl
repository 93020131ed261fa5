# The main way through: a sink folder, a pipeline over it, the ten answers.  The
# same records give the same answers over file:// and over a real S3 server, and
# those of a second, plain computation of the definitions.
#
# Real records, where there are some: PINTEREST_DATA, a folder that holds topics/.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('pipeline');
my $endpoint = start_versitygw();

# The definitions once more, over all lines of a folder and without anything of
# the extension.  Answers are compared as a set of JSON rows.
my $oracle_tables = q(
	DROP TABLE IF EXISTS line, posts, people CASCADE;
	CREATE TABLE line AS
		SELECT kind, file, number, text::jsonb AS doc
		FROM unnest(ARRAY['pin', 'geo', 'user']) AS kind,
			format('%s/topics/%s.%s/partition=0', :'folder', :'user_id', kind) AS directory,
			pg_ls_dir(directory) AS file,
			string_to_table(pg_read_file(directory || '/' || file), E'\n') WITH ORDINALITY AS t(text, number)
		WHERE text <> '';

	CREATE TABLE posts AS
		WITH latest AS (
			SELECT DISTINCT ON (kind, ind) kind, ind, doc
			FROM line, LATERAL (SELECT COALESCE(doc->>'index', doc->>'ind')::int) AS i(ind)
			ORDER BY kind, ind, file COLLATE "C" DESC, number DESC)
		SELECT ind, p.doc->>'category' AS category,
			NULLIF(p.doc->>'poster_name', 'User Info Error') AS poster_name,
			CASE WHEN p.doc->>'follower_count' ~ '^[0-9]+[kM]?$' THEN
				(substring(p.doc->>'follower_count' FROM '[0-9]+')::bigint
				 * CASE right(p.doc->>'follower_count', 1) WHEN 'k' THEN 1000 WHEN 'M' THEN 1000000 ELSE 1 END)
			END AS follower_count,
			g.doc->>'country' AS country,
			(g.doc->>'timestamp')::timestamp AS posted,
			row(u.doc->>'first_name', u.doc->>'last_name', u.doc->>'age', u.doc->>'date_joined')::text AS person,
			(u.doc->>'age')::int AS age,
			(u.doc->>'date_joined')::timestamp AS joined,
			CASE WHEN (u.doc->>'age')::int < 18 THEN NULL
				WHEN (u.doc->>'age')::int <= 24 THEN '18-24'
				WHEN (u.doc->>'age')::int <= 35 THEN '25-35'
				WHEN (u.doc->>'age')::int <= 50 THEN '36-50'
				ELSE '+50' END AS age_group
		FROM (SELECT * FROM latest WHERE kind = 'pin') p
			JOIN (SELECT * FROM latest WHERE kind = 'geo') g USING (ind)
			JOIN (SELECT * FROM latest WHERE kind = 'user') u USING (ind);

	CREATE TABLE people AS
		SELECT DISTINCT ON (person) person, age_group, extract(year FROM joined)::int AS joined, follower_count
		FROM posts
		ORDER BY person, (follower_count IS NULL), posted DESC, ind DESC;
);
my $top_of = sub {
	my ($group, $value, $count, $where) = @_;
	return qq(SELECT $group, $value, n FROM (
		SELECT $group, $value, $count AS n,
			row_number() OVER (PARTITION BY $group ORDER BY $count DESC, $value COLLATE "C") AS place
		FROM posts WHERE $group IS NOT NULL AND $value IS NOT NULL AND $where
		GROUP BY $group, $value) s WHERE place = 1);
};
my $median = sub {
	my ($group, $where) = @_;
	return qq(SELECT $group, percentile_cont(0.5) WITHIN GROUP (ORDER BY follower_count)
		FROM people WHERE follower_count IS NOT NULL AND $where GROUP BY $group);
};
my $with_year = '(SELECT *, extract(year FROM posted)::int AS year FROM posts) AS posts';
my $in_years = 'year BETWEEN 2018 AND 2022';
my $joined = 'joined BETWEEN 2015 AND 2020';
my %oracle = (
	most_popular_category_by_country => $top_of->('country', 'category', 'count(*)', 'true'),
	posts_per_category_by_year =>
	  "SELECT year, category, count(*) FROM $with_year WHERE category IS NOT NULL AND $in_years GROUP BY 1, 2",
	most_popular_category_by_year =>
	  $top_of->('year', 'category', 'count(*)', $in_years) =~ s/FROM posts/FROM $with_year/r,
	most_followed_user_by_country =>
	  $top_of->('country', 'poster_name', 'max(follower_count)', 'follower_count IS NOT NULL'),
	country_with_most_followed_user =>
	  'SELECT country, follower_count FROM posts WHERE follower_count IS NOT NULL AND country IS NOT NULL
		ORDER BY follower_count DESC, country COLLATE "C" LIMIT 1',
	most_popular_category_by_age_group => $top_of->('age_group', 'category', 'count(*)', 'true'),
	median_followers_by_age_group => $median->('age_group', 'age_group IS NOT NULL'),
	users_joined_by_year =>
	  "SELECT joined, count(*) FROM people WHERE $joined GROUP BY 1",
	median_followers_by_join_year => $median->('joined', $joined),
	median_followers_by_join_year_and_age_group =>
	  $median->('age_group, joined', "age_group IS NOT NULL AND $joined"),);

# The rows of a query, in one order and one spelling of numbers.
sub rows
{
	my ($query, @columns) = @_;
	my @shown =
	  map { /^(?:follower_count|.*_count|number_.*|post_year)$/ ? $_ . '::float8' : $_ } @columns;
	my $list = join(', ', @columns);

	return $node->safe_psql('postgres',
			"SELECT row_to_json(s) FROM (SELECT "
		  . join(', ', map { $shown[$_] . ' AS ' . $columns[$_] } 0 .. $#columns)
		  . qq{ FROM ($query) AS t($list)) s ORDER BY s::text COLLATE "C"});
}

# Pipelines over a folder and over a bucket with the same objects.
sub check_folder
{
	my ($name, $folder, $user_id) = @_;

	$node->safe_psql('postgres', $oracle_tables =~ s/:'folder'/'$folder'/r =~ s/:'user_id'/'$user_id'/r);
	$node->safe_psql('postgres',
		"SELECT pinterest.create_pipeline('${name}_file', server => 'files', user_id => '$user_id', location => 'file://$folder')");
	if (defined $endpoint)
	{
		put_folder($endpoint, "$name-bucket", $folder);
		$node->safe_psql('postgres',
			"SELECT pinterest.create_pipeline('${name}_s3', server => 'lake', user_id => '$user_id', location => 's3://$name-bucket')");
	}

	foreach my $view (@views)
	{
		my ($view_name, @columns) = @$view;
		my $expected = rows($oracle{$view_name}, @columns);
		my $names = $node->safe_psql('postgres',
			"SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '${name}_file.$view_name'::regclass AND attnum > 0");

		is($names, "@columns", "$name: columns of $view_name");
		isnt($expected, '', "$name: $view_name has an answer");
		is(rows("SELECT * FROM ${name}_file.$view_name", @columns),
			$expected, "$name: $view_name over file://");
	  SKIP:
		{
			skip 'versitygw could not be built here', 1 if !defined $endpoint;
			is(rows("SELECT * FROM ${name}_s3.$view_name", @columns),
				$expected, "$name: $view_name over s3://");
		}
	}
	return;
}

$node->safe_psql('postgres', 'CREATE SERVER files FOREIGN DATA WRAPPER s3_json');
create_bucket_server($node, 'lake', $endpoint) if defined $endpoint;

# Generated posts
my $folder = PostgreSQL::Test::Utils::tempdir('sink');
my $user_id = '0e1a2b3c4d5f';
$node->safe_psql('postgres', 'SELECT pinterest.generate_posts(500, 7)');
write_sink($node, $folder, "$user_id.pin", 'SELECT row_to_json(t) FROM pinterest_data t ORDER BY t.index');
write_sink($node, $folder, "$user_id.geo", 'SELECT row_to_json(t) FROM geolocation_data t ORDER BY t.ind');
write_sink($node, $folder, "$user_id.user", 'SELECT row_to_json(t) FROM user_data t ORDER BY t.ind');
check_folder('generated', $folder, $user_id);

# Repeated records make no further rows; a record of another kind makes none
my $before = rows('SELECT * FROM generated_file.users_joined_by_year', 'post_year', 'number_users_joined');
my $of = sub { my ($kind, $offset) = @_; sprintf('%s/topics/%s.%s/partition=0/%2$s.%3$s+0+%010d.json', $folder, $user_id, $kind, $offset) };
append_to_file($of->('user', 900), slurp_file($of->('user', $_))) foreach 0 .. 9;
append_to_file($of->('user', 910), slurp_file($of->('pin', 0)));
is($node->safe_psql('postgres', 'SELECT count(*) FROM generated_file.users'),
	$node->safe_psql('postgres', 'SELECT count(*) FROM user_data'), 'repeated and foreign records make no rows');
is(rows('SELECT * FROM generated_file.users_joined_by_year', 'post_year', 'number_users_joined'),
	$before, 'repeated and foreign records change no answer');

# Dropping a pipeline takes its schema, and nothing else
$node->safe_psql('postgres', "SELECT pinterest.drop_pipeline('generated_file')");
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_namespace WHERE nspname = 'generated_file'"),
	'0', 'drop_pipeline drops the schema');

# Real records
SKIP:
{
	my $data = $ENV{PINTEREST_DATA} // '../shared/data';
	my ($pins) = glob("$data/topics/*.pin");
	skip 'no real records here (PINTEREST_DATA)', 1 if !defined $pins;
	my ($real_user) = $pins =~ m{([^/]+)\.pin$};
	check_folder('real', $data, $real_user);
	skip 'the literal rows are those of another folder', 1 if $real_user ne $user_id;
	is($node->safe_psql('postgres', 'SELECT * FROM real_file.users_joined_by_year ORDER BY 1'),
		"2015|44\n2016|60\n2017|20", 'real: users_joined_by_year as documented');
	is($node->safe_psql('postgres', 'SELECT * FROM real_file.median_followers_by_age_group ORDER BY age_group COLLATE "C"'),
		"+50|7000\n18-24|89000\n25-35|41500\n36-50|6000", 'real: median_followers_by_age_group as documented');
	is($node->safe_psql('postgres', 'SELECT * FROM real_file.most_popular_category_by_year ORDER BY 1'),
		"2018|art|5\n2019|diy-and-crafts|6\n2020|christmas|4\n2021|tattoos|4\n2022|art|3",
		'real: most_popular_category_by_year as documented');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM real_file.most_followed_user_by_country'),
		'79', 'real: 79 countries');
}

done_testing();
