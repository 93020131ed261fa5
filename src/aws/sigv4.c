/*-------------------------------------------------------------------------
 *
 * sigv4.c
 *	  AWS Signature Version 4, in the Authorization header or in a URL.
 *
 * A signature is one hash of the canonical request and one HMAC: the four
 * HMACs of the signing key are done once a day.  The texts are built in two
 * string buffers that the signer keeps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/sigv4_canonical.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "pgtime.h"

#define DAY_LEN 8				/* YYYYMMDD */
#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"

struct SigV4Signer
{
	const AwsCredentials *credentials;
	const char *region;
	const char *service;
	bool		s3;				/* S3 has its own rule for the path */
	char		day[DAY_LEN + 1];	/* that key is for; "" before the first */
	uint8		key[PG_SHA256_DIGEST_LENGTH];
	StringInfoData canonical;
	StringInfoData to_sign;
};

static void
digest_failed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("could not compute SHA-256 hash")));
}

/* SHA-256 of two pieces, one after the other. */
static void
sha256(pg_cryptohash_ctx *ctx, const void *first, size_t first_len,
	   const void *second, size_t second_len, uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	if (pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, first, first_len) < 0 ||
		pg_cryptohash_update(ctx, second, second_len) < 0 ||
		pg_cryptohash_final(ctx, digest, PG_SHA256_DIGEST_LENGTH) < 0)
	{
		pg_cryptohash_free(ctx);
		digest_failed();
	}
}

static pg_cryptohash_ctx *
sha256_create(void)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	if (ctx == NULL)
		digest_failed();
	return ctx;
}

/*
 * RFC 2104.  pg_hmac gives the same, but sets up a context and four digests
 * each time, which is most of what signing a request would cost.
 */
static void
hmac(pg_cryptohash_ctx *ctx, const void *key, size_t key_len,
	 const void *data, size_t len, uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	uint8		inner[PG_SHA256_BLOCK_LENGTH];
	uint8		outer[PG_SHA256_BLOCK_LENGTH];
	uint8		short_key[PG_SHA256_DIGEST_LENGTH];
	int			i;

	if (key_len > PG_SHA256_BLOCK_LENGTH)
	{
		sha256(ctx, key, key_len, "", 0, short_key);
		key = short_key;
		key_len = PG_SHA256_DIGEST_LENGTH;
	}
	memset(inner, 0x36, sizeof(inner));
	memset(outer, 0x5C, sizeof(outer));
	for (i = 0; i < (int) key_len; i++)
	{
		inner[i] ^= ((const uint8 *) key)[i];
		outer[i] ^= ((const uint8 *) key)[i];
	}
	sha256(ctx, inner, sizeof(inner), data, len, digest);
	sha256(ctx, outer, sizeof(outer), digest, PG_SHA256_DIGEST_LENGTH, digest);
}

static void
to_hex(const uint8 *digest, char hex[SIGV4_HASH_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	int			i;

	for (i = 0; i < PG_SHA256_DIGEST_LENGTH; i++)
	{
		hex[i * 2] = digits[digest[i] >> 4];
		hex[i * 2 + 1] = digits[digest[i] & 15];
	}
	hex[SIGV4_HASH_LEN] = '\0';
}

void
sigv4_hash(const void *data, size_t len, char hex[SIGV4_HASH_LEN + 1])
{
	pg_cryptohash_ctx *ctx = sha256_create();
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	sha256(ctx, data, len, "", 0, digest);
	pg_cryptohash_free(ctx);
	to_hex(digest, hex);
}

void
sigv4_date(int64 seconds, char date[SIGV4_DATE_LEN + 1])
{
	pg_time_t	t = (pg_time_t) seconds;

	pg_strftime(date, SIGV4_DATE_LEN + 1, "%Y%m%dT%H%M%SZ", pg_gmtime(&t));
}

SigV4Signer *
sigv4_signer_create(const AwsCredentials *credentials,
					const char *region, const char *service)
{
	SigV4Signer *signer = palloc0(sizeof(SigV4Signer));

	signer->credentials = credentials;
	signer->region = region;
	signer->service = service;
	signer->s3 = strcmp(service, "s3") == 0;
	initStringInfo(&signer->canonical);
	initStringInfo(&signer->to_sign);
	return signer;
}

void
sigv4_signer_use(SigV4Signer *signer, const AwsCredentials *credentials)
{
	if (signer->credentials == credentials)
		return;
	signer->credentials = credentials;
	signer->day[0] = '\0';		/* the key is of the old ones */
}

const AwsCredentials *
sigv4_signer_credentials(const SigV4Signer *signer)
{
	return signer->credentials;
}

/* HMAC(HMAC(HMAC(HMAC("AWS4" + secret, day), region), service), "aws4_request") */
static void
derive_key(SigV4Signer *signer, const char *date)
{
	char	   *secret = psprintf("AWS4%s", signer->credentials->secret_access_key);
	uint8		key[PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *ctx = sha256_create();

	hmac(ctx, secret, strlen(secret), date, DAY_LEN, key);
	hmac(ctx, key, sizeof(key), signer->region, strlen(signer->region), key);
	hmac(ctx, key, sizeof(key), signer->service, strlen(signer->service), key);
	hmac(ctx, key, sizeof(key), "aws4_request", strlen("aws4_request"), key);
	pg_cryptohash_free(ctx);
	memcpy(signer->key, key, sizeof(key));
	memcpy(signer->day, date, DAY_LEN);
	explicit_bzero(secret, strlen(secret));
	pfree(secret);
}

static void
need_key(SigV4Signer *signer, const char *date)
{
	if (strncmp(signer->day, date, DAY_LEN) != 0)
		derive_key(signer, date);
}

void
sigv4_signing_key(SigV4Signer *signer, const char *date,
				  char hex[SIGV4_HASH_LEN + 1])
{
	need_key(signer, date);
	to_hex(signer->key, hex);
}

static void
append_scope(StringInfo out, const SigV4Signer *signer)
{
	appendBinaryStringInfo(out, signer->day, DAY_LEN);
	appendStringInfoCharMacro(out, '/');
	appendStringInfoString(out, signer->region);
	appendStringInfoCharMacro(out, '/');
	appendStringInfoString(out, signer->service);
	appendStringInfoString(out, "/aws4_request");
}

/* The signature of a request, for the day the signer's key is for. */
static void
compute_signature(SigV4Signer *signer, const SigV4Request *request,
				  char hex[SIGV4_HASH_LEN + 1])
{
	StringInfo	to_sign = &signer->to_sign;
	pg_cryptohash_ctx *ctx;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	sigv4_canonical_request(&signer->canonical, request, signer->s3);
	ctx = sha256_create();
	sha256(ctx, signer->canonical.data, signer->canonical.len, "", 0, digest);
	to_hex(digest, hex);

	resetStringInfo(to_sign);
	appendStringInfoString(to_sign, SIGV4_ALGORITHM "\n");
	appendStringInfoString(to_sign, request->date);
	appendStringInfoCharMacro(to_sign, '\n');
	append_scope(to_sign, signer);
	appendStringInfoCharMacro(to_sign, '\n');
	appendStringInfoString(to_sign, hex);
	hmac(ctx, signer->key, sizeof(signer->key), to_sign->data, to_sign->len, digest);
	pg_cryptohash_free(ctx);
	to_hex(digest, hex);
}

/* "KEY/day/region/service/aws4_request" */
static void
append_credential(StringInfo out, const SigV4Signer *signer)
{
	appendStringInfoString(out, signer->credentials->access_key_id);
	appendStringInfoCharMacro(out, '/');
	append_scope(out, signer);
}

void
sigv4_sign(SigV4Signer *signer, SigV4Request *request, StringInfo authorization)
{
	char		signature[SIGV4_HASH_LEN + 1];

	Assert(request->nheaders <= SIGV4_MAX_HEADERS);
	need_key(signer, request->date);
	sigv4_sort_headers(request);
	compute_signature(signer, request, signature);

	appendStringInfoString(authorization, SIGV4_ALGORITHM " Credential=");
	append_credential(authorization, signer);
	appendStringInfoString(authorization, ", SignedHeaders=");
	sigv4_signed_names(authorization, request);
	appendStringInfoString(authorization, ", Signature=");
	appendStringInfoString(authorization, signature);
}

#define MAX_PRESIGNED_PAIRS 16

void
sigv4_presign(SigV4Signer *signer, SigV4Request *request,
			  const char *const *pairs, int npairs, int expires, StringInfo query)
{
	const char *all[2 * MAX_PRESIGNED_PAIRS];
	int			n = 0;
	StringInfoData credential;
	StringInfoData signed_names;
	char		signature[SIGV4_HASH_LEN + 1];

	Assert(request->nheaders <= SIGV4_MAX_HEADERS && npairs <= MAX_PRESIGNED_PAIRS - 6);
	need_key(signer, request->date);
	sigv4_sort_headers(request);
	initStringInfo(&credential);
	append_credential(&credential, signer);
	initStringInfo(&signed_names);
	sigv4_signed_names(&signed_names, request);

#define ADD_PAIR(name, value) (all[2 * n] = (name), all[2 * n++ + 1] = (value))
	for (int i = 0; i < npairs; i++)
		ADD_PAIR(pairs[2 * i], pairs[2 * i + 1]);
	ADD_PAIR("X-Amz-Algorithm", SIGV4_ALGORITHM);
	ADD_PAIR("X-Amz-Credential", credential.data);
	ADD_PAIR("X-Amz-Date", request->date);
	ADD_PAIR("X-Amz-Expires", psprintf("%d", expires));
	ADD_PAIR("X-Amz-Security-Token", signer->credentials->session_token);
	ADD_PAIR("X-Amz-SignedHeaders", signed_names.data);

	resetStringInfo(query);
	sigv4_query(query, all, n);
	request->query = query->data;
	compute_signature(signer, request, signature);
	appendStringInfo(query, "&X-Amz-Signature=%s", signature);
	request->query = query->data;
}
