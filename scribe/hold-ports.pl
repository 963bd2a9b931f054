#!/usr/bin/perl
# Holds the ports that it is told of, so that in a pod nobody but the scribe listens on them, while it restarts too
# (docs/adr/0019-held-ports.md). They are bound with SO_REUSEPORT, by which the kernel shares a port among sockets of one user,
# and without SO_REUSEADDR, by which it would share it with anybody's. Nothing listens here, so no connection comes here.
use strict;
use warnings;
use Socket qw(:DEFAULT IN6ADDR_ANY IPPROTO_IPV6 IPV6_V6ONLY pack_sockaddr_in6);

die "usage: hold-ports.pl PORT...\n" unless @ARGV;
$| = 1;

# Process 1 of a container hears only the signals that it asks for.
$SIG{TERM} = $SIG{INT} = sub { exit 0 };

my %any = (AF_INET, sub { pack_sockaddr_in(shift, INADDR_ANY) }, AF_INET6, sub { pack_sockaddr_in6(shift, IN6ADDR_ANY) });

# Where the kernel has no IPv6, nobody has a socket of it.
my @families = grep { socket(my $tried, $_, SOCK_STREAM, 0) } AF_INET, AF_INET6;

# On all addresses, so that a listener on any one of them would meet it: what a program sends to "localhost" may go to ::1.
sub bound {
    my ($family, $port) = @_;
    socket(my $socket, $family, SOCK_STREAM, 0) or die "no socket: $!\n";
    setsockopt($socket, SOL_SOCKET, SO_REUSEPORT, 1) or die "no SO_REUSEPORT: $!\n";
    # Each family by itself: what one of IPv6 covers of IPv4 differs by setting and kernel.
    setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) or die "no IPV6_V6ONLY: $!\n" if $family == AF_INET6;
    return bind($socket, $any{$family}->($port)) ? $socket : undef;
}

my (@held, %told);
my @wanted = map { my $port = $_; map { [$_, $port] } @families } @ARGV;

# What is taken does not keep it from holding the others.
while (@wanted) {
    my @taken;
    for (@wanted) {
        my $socket = bound(@$_);
        if ($socket) { push @held, $socket }
        else { push @taken, $_; warn "port $_->[1] cannot be held yet: $!\n" unless $told{$_->[1]}++ }
    }
    sleep 1 if @wanted = @taken;
}
print "held: @ARGV\n";
sleep while 1;
