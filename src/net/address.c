/*-------------------------------------------------------------------------
 *
 * address.c
 *	  Which network addresses a connection may go to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netinet/in.h>

#include "net/address.h"

typedef struct AddressRange
{
	uint8		start[16];
	int			bits;			/* how many leading bits count */
	AddressPolicy needs;		/* least policy that allows it */
	const char *kind;
} AddressRange;

static const AddressRange v4_ranges[] = {
	{{169, 254}, 16, ADDRESS_METADATA, "link-local"},
	{{127}, 8, ADDRESS_PRIVATE, "loopback"},
	{{0}, 8, ADDRESS_PRIVATE, "loopback"},	/* Linux takes 0.0.0.0 as itself */
	{{10}, 8, ADDRESS_PRIVATE, "private"},
	{{172, 16}, 12, ADDRESS_PRIVATE, "private"},
	{{192, 168}, 16, ADDRESS_PRIVATE, "private"},
	{{100, 64}, 10, ADDRESS_PRIVATE, "private"},	/* RFC 6598 */
	{{224}, 3, ADDRESS_PRIVATE, "multicast or reserved"}
};

static const AddressRange v6_ranges[] = {
	{{0xfe, 0x80}, 10, ADDRESS_METADATA, "link-local"},
	{{0xfd, 0x00, 0x0e, 0xc2}, 32, ADDRESS_METADATA, "instance metadata"},
	{{0}, 127, ADDRESS_PRIVATE, "loopback"},	/* :: and ::1 */
	{{0xfc}, 7, ADDRESS_PRIVATE, "private"},
	{{0xfe, 0xc0}, 10, ADDRESS_PRIVATE, "private"},
	{{0xff}, 8, ADDRESS_PRIVATE, "multicast or reserved"}
};

/* IPv6 prefixes of 96 bits that an IPv4 address follows. */
static const uint8 v4_inside[][12] = {
	{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, /* v4-mapped */
	{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}, /* v4-translated */
	{0, 0x64, 0xff, 0x9b},		/* NAT64, RFC 6052 */
	{0}							/* v4-compatible; :: and ::1 come before it */
};

static bool
in_range(const uint8 *address, const AddressRange *range)
{
	int			bytes = range->bits / 8;
	int			bits = range->bits % 8;

	return memcmp(address, range->start, bytes) == 0 &&
		(bits == 0 ||
		 ((address[bytes] ^ range->start[bytes]) >> (8 - bits)) == 0);
}

static const char *
search(const uint8 *address, AddressPolicy policy,
	   const AddressRange *ranges, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		if (in_range(address, &ranges[i]))
			return policy >= ranges[i].needs ? NULL : ranges[i].kind;
	return NULL;
}

static const char *
refusal_v6(const uint8 *address, AddressPolicy policy)
{
	const char *kind = search(address, policy, v6_ranges, lengthof(v6_ranges));
	int			i;

	for (i = 0; kind == NULL && i < (int) lengthof(v4_inside); i++)
		if (memcmp(address, v4_inside[i], sizeof(v4_inside[i])) == 0)
			kind = search(address + 12, policy, v4_ranges, lengthof(v4_ranges));
	return kind;
}

const char *
address_refusal(const struct sockaddr *address, AddressPolicy policy)
{
	switch (address->sa_family)
	{
		case AF_INET:
			return search((const uint8 *) &((const struct sockaddr_in *) address)->sin_addr,
						  policy, v4_ranges, lengthof(v4_ranges));
		case AF_INET6:
			return refusal_v6((const uint8 *) &((const struct sockaddr_in6 *) address)->sin6_addr,
							  policy);
		default:
			return "unknown kind of";
	}
}
