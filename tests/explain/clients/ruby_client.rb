# Set one key with redis-rb, and let Ruby print what it says of it.
#
#     ruby_client.rb CLIENT HOST PORT TLS USER PASSWORD CA-FILE ADDRESS
#
# HOST leads to ADDRESS, so that certificates are checked under the name.
require 'redis'
require 'socket'

CLIENT, HOST, PORT, TLS, USER, PASSWORD, CA_FILE, ADDRESS = ARGV

# Resolves HOST to ADDRESS, and anything else as ever.
module ToTheDoor
  def getaddrinfo(host, *others)
    super(host == HOST ? ADDRESS : host, *others)
  end
end
Socket.singleton_class.prepend(ToTheDoor)

options = { host: HOST, port: PORT.to_i, timeout: 3, reconnect_attempts: 0 }
options[:username] = USER unless USER.empty?
options[:password] = PASSWORD unless PASSWORD.empty?
if TLS == '1'
  options[:ssl] = true
  options[:ssl_params] = { ca_file: CA_FILE } unless CA_FILE.empty?
end
Redis.new(**options).set('k', 'v')
