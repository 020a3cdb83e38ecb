<?php
// Set one key with one client for PHP, and print what it says of it.
//
//     php_client.php CLIENT HOST PORT TLS USER PASSWORD CA-FILE ADDRESS
//
// ADDRESS is dialled; a certificate is checked under the name HOST.
ini_set('display_errors', 'stderr');
ini_set('log_errors', '0');
[, $client, $host, $port, $tls, $user, $password, $ca, $address] = $argv;
$secure = ['peer_name' => $host] + ($ca === '' ? [] : ['cafile' => $ca]);

function with_phpredis(): void
{
    global $address, $port, $tls, $user, $password, $secure;
    $redis = new Redis();
    $redis->connect(
        ($tls === '1' ? 'tls://' : '') . $address, (int) $port, 3, null, 0, 4,
        $tls === '1' ? ['stream' => $secure] : []
    );
    if ($password !== '') {
        $redis->auth($user === '' ? $password : [$user, $password]);
    }
    // phpredis throws for some replies alone, and keeps the others for whoever asks.
    if ($redis->set('k', 'v') !== true) {
        fwrite(STDERR, 'PHP Warning:  ' . $redis->getLastError() . "\n");
    }
}

function with_predis(): void
{
    global $address, $port, $tls, $user, $password, $secure;
    require 'Predis/autoload.php';
    $options = [
        'scheme' => $tls === '1' ? 'tls' : 'tcp', 'host' => $address, 'port' => (int) $port,
        'timeout' => 3, 'read_write_timeout' => 4, 'ssl' => $secure,
    ];
    $login = array_filter(['username' => $user, 'password' => $password], 'strlen');
    (new Predis\Client($options + $login))->set('k', 'v');
}

// As an application that catches nothing would: PHP prints the whole chain with its traces.
$client === 'phpredis' ? with_phpredis() : with_predis();
