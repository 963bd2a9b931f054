# Tries to have the ports it is told of, on every address and in every way that a program without rights has; prints a line for
# each way that it could listen in.
use strict;
use warnings;
use Socket qw(:DEFAULT IPPROTO_IPV6 IPV6_V6ONLY inet_pton pack_sockaddr_in6);

my ($mptcp, $bind_to_device) = (262, 25);
my @addresses = qw(127.0.0.1 127.0.0.2 0.0.0.0 ::1 :: ::ffff:127.0.0.1 ::ffff:0.0.0.0);

sub listens {
    my ($port, $address, $protocol, $options) = @_;
    my $six = $address =~ /:/;
    socket(my $socket, $six ? AF_INET6 : AF_INET, SOCK_STREAM, $protocol) or return 0;
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) if $options & 1;
    setsockopt($socket, SOL_SOCKET, SO_REUSEPORT, 1) if $options & 2;
    setsockopt($socket, SOL_SOCKET, $bind_to_device, "lo\0") if $options & 4;
    setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, $options & 8 ? 1 : 0) if $six;
    my $place = $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : pack_sockaddr_in($port, inet_aton($address));
    return bind($socket, $place) && listen($socket, 8);
}

for my $port (@ARGV) {
    for my $address (@addresses) {
        for my $protocol (0, $mptcp) {
            for my $options (0 .. 15) {
                print "$port on $address by protocol $protocol, options $options\n"
                    if listens($port, $address, $protocol, $options);
            }
        }
    }
}
