/*-------------------------------------------------------------------------
 *
 * clean_text.c
 *	  Text of a service, made fit for a message.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/clean_text.h"
#include "mb/pg_wchar.h"

/* Overwrites every occurrence of secret. */
static void
hide(char *text, size_t len, const char *secret)
{
	size_t		n = secret == NULL ? 0 : strlen(secret);
	size_t		i;

	if (n < 4)					/* too short to be one, and to be found */
		return;
	for (i = 0; i + n <= len; i++)
		if (memcmp(text + i, secret, n) == 0)
			memset(text + i, '*', n);
}

/*
 * The length of what comes before anything of a signature, or a session token:
 * there are servers that send back the headers they got.
 */
static size_t
before_signature(const char *text, size_t len)
{
	static const char *const marks[] = {"AWS4-HMAC", "Signature=", "Credential=", "x-amz-security-token"};
	int			i;

	for (i = 0; i < (int) lengthof(marks); i++)
	{
		size_t		n = strlen(marks[i]);
		size_t		at;

		for (at = 0; at + n <= len; at++)
			if (pg_strncasecmp(text + at, marks[i], n) == 0)
				len = at;
	}
	return len;
}

/* One character that may go into a message; its length, or 0. */
static int
plain_character(const char *text, const char *end)
{
	const unsigned char *c = (const unsigned char *) text;
	int			n;

	if (!IS_HIGHBIT_SET(*c))
		return *c >= ' ' && *c != 0x7F ? 1 : 0;
	n = pg_utf_mblen(c);
	if (GetDatabaseEncoding() != PG_UTF8 || n > end - text || !pg_utf8_islegal(c, n))
		return 0;
	return c[0] == 0xC2 && c[1] < 0xA0 ? 0 : n; /* C1 controls */
}

void
aws_clean_text(char *to, size_t room, const char *text, size_t len,
			   const AwsCredentials *credentials)
{
	char	   *copy = pnstrdup(text, len);
	const char *from = copy;
	const char *end;
	char	   *start = to;

	len = strlen(copy);
	if (credentials != NULL)
	{
		hide(copy, len, credentials->access_key_id);
		hide(copy, len, credentials->secret_access_key);
		hide(copy, len, credentials->session_token);
	}
	end = copy + before_signature(copy, len);

	while (from < end)
	{
		int			n = plain_character(from, end);
		bool		blank = n == 0 && (unsigned char) *from <= ' ';

		if ((size_t) (to - start) + Max(n, 1) + 1 > room)
			break;
		if (n > 0 && *from != ' ')
		{
			memcpy(to, from, n);
			to += n;
		}
		else if (!blank && *from != ' ')
			*to++ = '?';
		else if (to > start && to[-1] != ' ')
			*to++ = ' ';
		from += Max(n, 1);
	}
	while (to > start && to[-1] == ' ')
		to--;
	*to = '\0';
	pfree(copy);
}
