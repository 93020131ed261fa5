/*
 * loopback.c: preloaded into a server that can only listen on all interfaces,
 * makes it listen on the loopback interface.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int
bind(int fd, const struct sockaddr *address, socklen_t len)
{
	static int	(*real_bind) (int, const struct sockaddr *, socklen_t);
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (real_bind == NULL)
		real_bind = (int (*) (int, const struct sockaddr *, socklen_t)) dlsym(RTLD_NEXT, "bind");
	if (address->sa_family == AF_INET && len >= sizeof(v4))
	{
		memcpy(&v4, address, sizeof(v4));
		if (v4.sin_addr.s_addr == htonl(INADDR_ANY))
			v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return real_bind(fd, (struct sockaddr *) &v4, sizeof(v4));
	}
	if (address->sa_family == AF_INET6 && len >= sizeof(v6))
	{
		memcpy(&v6, address, sizeof(v6));
		if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
		{
			/* ::ffff:127.0.0.1, so that clients of IPv4 are served as before */
			v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xFF;
			v6.sin6_addr.s6_addr[12] = 127;
			v6.sin6_addr.s6_addr[15] = 1;
		}
		return real_bind(fd, (struct sockaddr *) &v6, sizeof(v6));
	}
	return real_bind(fd, address, len);
}
