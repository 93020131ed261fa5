# The tokens that sign in to MSK, compared with those of Amazon's own signer.
#
#   PINTEREST_SEED    of the keys, regions and times; another one makes others
#   PINTEREST_CASES   how many tokens

use strict;
use warnings;

use lib 'test/lib';
use Cwd qw(abs_path);
use IPC::Run;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $signer = $ENV{MSK_SIGNER} // '';
plan skip_all => 'Amazon\'s signer could not be fetched' if !-d $signer;

my $seed = $ENV{PINTEREST_SEED} || 20240521;
my $cases = $ENV{PINTEREST_CASES} || 2000;
note("PINTEREST_SEED=$seed PINTEREST_CASES=$cases");

my $unit = abs_path('test/unit');
my $built;
IPC::Run::run([ 'make', '-s', '-C', $unit ], '&>', \$built)
  or die "could not build $unit: $built";

my $file = PostgreSQL::Test::Utils::tempdir('tokens') . '/tokens.csv';
IPC::Run::run([ 'python3', 'test/servers/msk_tokens.py', $signer, $seed, $cases ], '>', $file)
  or die 'Amazon\'s signer failed';

my $node = new_node('msk_iam');
$node->safe_psql(
	'postgres', qq(
	CREATE FUNCTION token(text, text, text, text, bigint, text) RETURNS text
		AS '$unit/pinterest_unit', 'unit_msk_iam_token' LANGUAGE C;
	CREATE FUNCTION elements(token text) RETURNS text[] LANGUAGE sql AS \$\$
		SELECT array_agg(element ORDER BY element COLLATE "C")
		FROM convert_from(decode(rpad(translate(token, '-_', '+/'), (length(token) + 3) / 4 * 4, '='), 'base64'), 'UTF8') AS url,
			string_to_table(url, '&') AS element \$\$;
	CREATE TABLE tokens (key text, secret text, session text, region text, at bigint, agent text,
		expires bigint, token text);
	COPY tokens FROM '$file' (FORMAT csv, FORCE_NOT_NULL (key, secret));));

is($node->safe_psql('postgres', 'SELECT count(*), count(session) BETWEEN 1 AND count(*) - 1 FROM tokens'),
	"$cases|t", 'with and without session tokens');

sub different
{
	my ($condition, $name) = @_;
	my $rows = $node->safe_psql('postgres',
		"SELECT * FROM tokens, token(key, secret, session, region, at, agent) AS ours WHERE $condition LIMIT 10");
	return is($rows, '', $name);
}

different(q(session IS NULL AND ours <> format('%s %s', expires, token)),
	'the same tokens, with the same ends');

# They put the session token behind the names of the headers: the order in the
# URL is not what is signed
different(
	q(session IS NOT NULL AND (split_part(ours, ' ', 1)::bigint <> expires
		OR elements(split_part(ours, ' ', 2)) <> elements(token))),
	'with session tokens the same elements, signature included');

done_testing();
