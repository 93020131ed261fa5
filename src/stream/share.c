/*-------------------------------------------------------------------------
 *
 * share.c
 *	  Which splits belong to a stream, where several share a source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "stream/share.h"

/* "3/8" */
static bool
read_fraction(Share *share, const char *splits)
{
	int			length = 0;

	if (strspn(splits, "0123456789/") != strlen(splits) || strlen(splits) > 12 ||
		sscanf(splits, "%d/%d%n", &share->number, &share->of, &length) != 2 ||
		splits[length] != '\0')
		return false;
	if (share->number < 1 || share->number > share->of)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid splits \"%s\"", splits),
				 errdetail("There is no share %d of %d.", share->number, share->of)));
	share->number--;
	return true;
}

void
share_read(Share *share, const char *splits)
{
	*share = (Share) {.number = 0, .of = 1};
	if (splits == NULL || read_fraction(share, splits))
		return;
	share->of = 0;
	while (splits != NULL)
	{
		const char *comma = strchr(splits, ',');
		size_t		len = comma == NULL ? strlen(splits) : comma - splits;

		while (len > 0 && *splits == ' ')
			splits++, len--;
		while (len > 0 && splits[len - 1] == ' ')
			len--;
		if (len == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the name of a split must not be empty"),
					 errhint("Splits are a share such as \"1/4\", or names separated by commas.")));
		share->names = lappend(share->names, pnstrdup(splits, len));
		splits = comma == NULL ? NULL : comma + 1;
	}
}

/* The number that a name ends with, or a hash of the name, modulo n. */
static int
number_of(const char *split, int n)
{
	const char *digits = split + strlen(split);
	uint64		number = 0;

	while (digits > split && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	if (*digits == '\0')
		return hash_bytes((const unsigned char *) split, strlen(split)) % n;
	for (; *digits != '\0'; digits++)
		number = (number * 10 + (*digits - '0')) % n;
	return number;
}

bool
share_has(const Share *share, const char *split)
{
	ListCell   *lc;

	if (share->of > 0)
		return share->of == 1 || number_of(split, share->of) == share->number;
	foreach(lc, share->names)
		if (strcmp(lfirst(lc), split) == 0)
			return true;
	return false;
}
