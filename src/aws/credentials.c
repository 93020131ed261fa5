/*-------------------------------------------------------------------------
 *
 * credentials.c
 *	  Keeping and renewing credentials.
 *
 * The cache of the backend holds temporary keys only.  An entry goes by a
 * hash of everything that decides what is found, so that changed options, or
 * other keys in a user mapping, never meet keys found for the old ones.
 *
 * Each handle has its own copy: a scan signs with keys that another scan of
 * the same backend may have renewed meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "aws/credentials_find.h"
#include "lib/ilist.h"
#include "pg_compat.h"
#include "utils/memutils.h"

/* Keys are renewed this long before they end, but not in their first half. */
#define RENEW_BEFORE 300		/* seconds */
#define TRY_AGAIN_AFTER 30		/* seconds, when they could not be renewed */
#define MAX_ENTRIES 64

typedef struct TemporaryKeys
{
	AwsCredentials keys;
	int64		expires;		/* seconds since 1970; 0: never */
	int64		renew_at;
} TemporaryKeys;

typedef struct CacheEntry
{
	dlist_node	node;
	char		id[SIGV4_HASH_LEN + 1];
	MemoryContext context;		/* of this entry and its strings */
	TemporaryKeys found;
} CacheEntry;

struct Credentials
{
	const CredentialConfig *config;
	MemoryContext context;
	char		id[SIGV4_HASH_LEN + 1];
	bool		known;			/* current is filled in */
	TemporaryKeys current;
	const AwsCredentials *handed_out;
};

static dlist_head cache = DLIST_STATIC_INIT(cache);
static int	nentries = 0;

/* ---------- cache ---------- */

static void
add_to_id(StringInfo id, const char *text)
{
	appendStringInfo(id, "%d:%s;", text == NULL ? -1 : (int) strlen(text),
					 text == NULL ? "" : text);
}

/* What decides which keys are found. */
static void
make_id(const CredentialConfig *config, char hash[SIGV4_HASH_LEN + 1])
{
	StringInfoData id;

	initStringInfo(&id);
	appendStringInfo(&id, "%u;%d;%d;", config->serverid, config->source, config->sts_policy);
	add_to_id(&id, config->region);
	add_to_id(&id, config->mapping.access_key_id);
	add_to_id(&id, config->mapping.secret_access_key);
	add_to_id(&id, config->mapping.session_token);
	add_to_id(&id, config->profile);
	add_to_id(&id, config->role_arn);
	add_to_id(&id, config->external_id);
	add_to_id(&id, config->role_session_name);
	add_to_id(&id, config->sts_endpoint);
	sigv4_hash(id.data, id.len, hash);
	pfree(id.data);
}

static CacheEntry *
find_entry(const char *id)
{
	dlist_iter	iter;

	dlist_foreach(iter, &cache)
	{
		CacheEntry *entry = dlist_container(CacheEntry, node, iter.cur);

		if (strcmp(entry->id, id) == 0)
			return entry;
	}
	return NULL;
}

static void
remove_entry(CacheEntry *entry)
{
	dlist_delete(&entry->node);
	nentries--;
	MemoryContextDelete(entry->context);
}

static char *
copy_text(const char *text)
{
	return text == NULL ? NULL : pstrdup(text);
}

/* In the current memory context. */
static AwsCredentials
copy_keys(const AwsCredentials *keys)
{
	AwsCredentials copy;

	copy.access_key_id = copy_text(keys->access_key_id);
	copy.secret_access_key = copy_text(keys->secret_access_key);
	copy.session_token = copy_text(keys->session_token);
	return copy;
}

static void
keep(const char *id, const TemporaryKeys *found)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pinterest credentials",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CacheEntry *entry = palloc0(sizeof(CacheEntry));
	CacheEntry *before = find_entry(id);

	strlcpy(entry->id, id, sizeof(entry->id));
	entry->context = context;
	entry->found = *found;
	entry->found.keys = copy_keys(&found->keys);
	MemoryContextSwitchTo(old);

	if (before == NULL && nentries >= MAX_ENTRIES)
		before = dlist_head_element(CacheEntry, node, &cache);
	if (before != NULL)
		remove_entry(before);
	dlist_push_tail(&cache, &entry->node);
	nentries++;
}

/* ---------- a handle ---------- */

Credentials *
credentials_create(const CredentialConfig *config)
{
	Credentials *credentials = palloc0(sizeof(Credentials));

	credentials->config = config;
	credentials->context = CurrentMemoryContext;
	make_id(config, credentials->id);
	return credentials;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_keys(const AwsCredentials *a, const AwsCredentials *b)
{
	return same_text(a->access_key_id, b->access_key_id) &&
		same_text(a->secret_access_key, b->secret_access_key) &&
		same_text(a->session_token, b->session_token);
}

/* Makes keys those of the handle.  Ones handed out before stay as they are. */
static void
adopt(Credentials *credentials, const TemporaryKeys *found)
{
	MemoryContext old;
	AwsCredentials *keys;

	credentials->current.expires = found->expires;
	credentials->current.renew_at = found->renew_at;
	if (credentials->known && same_keys(&credentials->current.keys, &found->keys))
		return;
	old = MemoryContextSwitchTo(credentials->context);
	keys = palloc(sizeof(AwsCredentials));
	*keys = copy_keys(&found->keys);
	MemoryContextSwitchTo(old);
	credentials->current.keys = *keys;
	credentials->handed_out = keys;
	credentials->known = true;
}

pg_noreturn static void
report(const CredentialConfig *config, const CredentialFinding *found)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("could not get AWS credentials for server \"%s\": %s", config->server,
					found->problem),
			 errdetail("The server's credential_source is \"%s\".",
					   credentials_source_name(config->source)),
			 found->hint ? errhint("%s", found->hint) : 0));
	pg_unreachable();
}

/* Old keys go on to their end. */
static void
put_off(Credentials *credentials, CacheEntry *entry, const char *problem)
{
	int64		again = (int64) time(NULL) + TRY_AGAIN_AFTER;

	credentials->current.renew_at = Min(again, credentials->current.expires);
	if (entry != NULL)
		entry->found.renew_at = credentials->current.renew_at;
	ereport(LOG,
			(errmsg("could not renew the AWS credentials for server \"%s\", continuing with the old ones: %s",
					credentials->config->server, problem)));
}

/*
 * Finds keys afresh.  If that fails, those of the handle do as long as they
 * last; unless they have been refused.
 */
static void
find_anew(Credentials *credentials, bool refused)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pinterest finding credentials",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CredentialFinding finding;
	TemporaryKeys found = {0};
	int64		now;

	if (credentials_find(credentials->config, &finding) != CREDENTIALS_FOUND)
	{
		if (refused || !credentials->known ||
			credentials->current.expires <= (int64) time(NULL))
			report(credentials->config, &finding);
		put_off(credentials, find_entry(credentials->id), finding.problem);
	}
	else
	{
		now = (int64) time(NULL);
		found.keys = finding.keys;
		found.expires = finding.expires;
		found.renew_at = Max(found.expires - RENEW_BEFORE, now + (found.expires - now) / 2);
		adopt(credentials, &found);
		if (found.expires != 0)
			keep(credentials->id, &found);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

const AwsCredentials *
credentials_get(Credentials *credentials)
{
	const TemporaryKeys *current = &credentials->current;
	CacheEntry *entry;

	if (credentials->known &&
		(current->expires == 0 || (int64) time(NULL) < current->renew_at))
		return credentials->handed_out;

	entry = find_entry(credentials->id);
	if (entry != NULL && (int64) time(NULL) < entry->found.expires)
		adopt(credentials, &entry->found);
	if (!credentials->known || (int64) time(NULL) >= current->renew_at)
		find_anew(credentials, false);
	return credentials->handed_out;
}

const AwsCredentials *
credentials_renew(Credentials *credentials)
{
	CacheEntry *entry = find_entry(credentials->id);
	const CredentialConfig *config = credentials->config;

	if (config->source == CREDENTIALS_USER_MAPPING && config->role_arn == NULL)
		return credentials->handed_out;
	if (entry != NULL && !same_keys(&entry->found.keys, &credentials->current.keys))
	{
		adopt(credentials, &entry->found);	/* another scan was faster */
		return credentials->handed_out;
	}
	if (entry != NULL)
		remove_entry(entry);
	find_anew(credentials, true);
	return credentials->handed_out;
}
