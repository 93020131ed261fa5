/*-------------------------------------------------------------------------
 *
 * msk_iam.c
 *	  The token that signs in to Amazon MSK with AWS keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/msk_iam.h"
#include "common/base64.h"
#include "net/url.h"

/* base64 of RFC 4648, section 5, without padding; palloc'd. */
static char *
base64url(const char *data, int len)
{
	int			size = pg_b64_enc_len(len);
	char	   *result = palloc(size + 1);
	int			n = pg_b64_encode((const void *) data, len, result, size);

	if (n < 0)
		elog(ERROR, "could not encode %d bytes in base64", len);
	while (n > 0 && result[n - 1] == '=')
		n--;
	result[n] = '\0';
	for (int i = 0; i < n; i++)
		result[i] = result[i] == '+' ? '-' : result[i] == '/' ? '_' : result[i];
	return result;
}

char *
msk_iam_token(const AwsCredentials *credentials, const char *region, int64 now,
			  const char *user_agent, int64 *expires)
{
	static const char *const pairs[] = {"Action", "kafka-cluster:Connect"};

	/* the same form for every region, China's too */
	char	   *host = psprintf("kafka.%s.amazonaws.com", region);
	char		date[SIGV4_DATE_LEN + 1];
	SigV4Request request = {0};
	StringInfoData query;
	StringInfoData url;
	char	   *token;

	sigv4_date(now, date);
	request.method = "GET";
	request.path = "/";
	request.headers[request.nheaders++] = (SigV4Header)
	{
		"host", host
	};
	request.payload_hash = SIGV4_EMPTY_HASH;
	request.date = date;
	initStringInfo(&query);
	sigv4_presign(sigv4_signer_create(credentials, region, "kafka-cluster"), &request,
				  pairs, 1, MSK_IAM_LIFETIME, &query);

	initStringInfo(&url);
	appendStringInfo(&url, "https://%s/?%s&User-Agent=", host, query.data);
	url_encode(&url, user_agent, false);	/* not signed */
	token = base64url(url.data, url.len);
	explicit_bzero(url.data, url.len);
	explicit_bzero(query.data, query.len);

	*expires = (now + MSK_IAM_LIFETIME) * 1000;
	return token;
}

/* Does the text end with this, in any case?  Then cuts it off. */
static bool
cut_end(const char *text, int *len, const char *end)
{
	int			end_len = strlen(end);

	if (*len < end_len || pg_strncasecmp(text + *len - end_len, end, end_len) != 0)
		return false;
	*len -= end_len;
	return true;
}

/*
 * Names end with kafka.REGION.amazonaws.com, kafka-serverless.REGION.… or
 * kafka.REGION.vpce.…; ".cn" follows in China.
 */
char *
msk_iam_region(const char *broker)
{
	int			len = strcspn(broker, ":");
	int			start;
	int			service_end;
	char	   *region;

	(void) cut_end(broker, &len, ".");	/* a fully qualified name */
	if (!cut_end(broker, &len, ".amazonaws.com") &&
		!cut_end(broker, &len, ".amazonaws.com.cn"))
		return NULL;
	(void) cut_end(broker, &len, ".vpce");
	for (start = len; start > 0 && broker[start - 1] != '.'; start--)
		;
	service_end = start - 1;
	if (start == len || start == 0 ||
		(!cut_end(broker, &service_end, ".kafka") &&
		 !cut_end(broker, &service_end, ".kafka-serverless")))
		return NULL;

	region = pnstrdup(broker + start, len - start);
	for (char *c = region; *c != '\0'; c++)
	{
		*c = pg_tolower((unsigned char) *c);
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *c) == NULL)
			return NULL;
	}
	return region;
}
