-- Nodes: what else node-exporter and the kubelet tell of a machine, and every file system of its own.
ALTER TABLE wh.nodes ADD COLUMN roles VARCHAR;
ALTER TABLE wh.nodes ADD COLUMN taints VARCHAR;
ALTER TABLE wh.node_samples ADD COLUMN network_receive_drops_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN network_transmit_drops_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN network_receive_errors_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN network_transmit_errors_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN disk_io_weighted_seconds_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN evictions_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN pleg_relists_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN pleg_relists_over_1s_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN pleg_relists_over_10s_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN cpu_pressure_seconds_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN memory_pressure_seconds_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN memory_stall_seconds_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN io_pressure_seconds_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN io_stall_seconds_total DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN filesystem_fullest_share DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN inodes_fullest_share DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN filesystems_read_only DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN conntrack_entries DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN conntrack_limit DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN clock_offset_seconds DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN clock_synced DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN running_pods DOUBLE;
ALTER TABLE wh.node_samples ADD COLUMN kubelet_certificate_seconds DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN network_receive_drops_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN network_transmit_drops_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN network_receive_errors_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN network_transmit_errors_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN disk_io_weighted_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN evictions_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN pleg_relists_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN pleg_relists_over_1s_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN pleg_relists_over_10s_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN cpu_pressure_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN memory_pressure_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN memory_stall_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN io_pressure_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN io_stall_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN filesystem_fullest_share_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN filesystem_fullest_share_max DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN inodes_fullest_share_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN inodes_fullest_share_max DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN filesystems_read_only_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN filesystems_read_only_max DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN conntrack_entries_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN conntrack_entries_max DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN conntrack_limit_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN conntrack_limit_max DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN clock_offset_seconds_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN clock_offset_seconds_max DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN clock_synced_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN clock_synced_max DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN running_pods_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN running_pods_max DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN kubelet_certificate_seconds_avg DOUBLE;
ALTER TABLE wh.node_roll5m ADD COLUMN kubelet_certificate_seconds_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN network_receive_drops_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN network_transmit_drops_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN network_receive_errors_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN network_transmit_errors_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN disk_io_weighted_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN evictions_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN pleg_relists_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN pleg_relists_over_1s_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN pleg_relists_over_10s_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN cpu_pressure_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN memory_pressure_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN memory_stall_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN io_pressure_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN io_stall_seconds_total_inc DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN filesystem_fullest_share_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN filesystem_fullest_share_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN inodes_fullest_share_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN inodes_fullest_share_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN filesystems_read_only_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN filesystems_read_only_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN conntrack_entries_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN conntrack_entries_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN conntrack_limit_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN conntrack_limit_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN clock_offset_seconds_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN clock_offset_seconds_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN clock_synced_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN clock_synced_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN running_pods_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN running_pods_max DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN kubelet_certificate_seconds_avg DOUBLE;
ALTER TABLE wh.node_roll1h ADD COLUMN kubelet_certificate_seconds_max DOUBLE;
CREATE TABLE wh.filesystems (
  cluster VARCHAR,
  filesystem_id BIGINT,
  node VARCHAR,
  mountpoint VARCHAR,
  device VARCHAR,
  fstype VARCHAR,
  first_seen TIMESTAMP
);
CREATE TABLE wh.filesystem_samples (
  cluster VARCHAR,
  tick TIMESTAMP,
  source VARCHAR,
  ts TIMESTAMP,
  filesystem_id BIGINT,
  size_bytes DOUBLE,
  available_bytes DOUBLE,
  inodes DOUBLE,
  inodes_free DOUBLE,
  read_only DOUBLE
);
CREATE TABLE wh.filesystem_roll5m (
  cluster VARCHAR,
  t TIMESTAMP,
  source VARCHAR,
  filesystem_id BIGINT,
  n INTEGER,
  covered_ms BIGINT,
  size_bytes_avg DOUBLE,
  size_bytes_max DOUBLE,
  available_bytes_avg DOUBLE,
  available_bytes_max DOUBLE,
  inodes_avg DOUBLE,
  inodes_max DOUBLE,
  inodes_free_avg DOUBLE,
  inodes_free_max DOUBLE,
  read_only_avg DOUBLE,
  read_only_max DOUBLE
);
CREATE TABLE wh.filesystem_roll1h (
  cluster VARCHAR,
  t TIMESTAMP,
  source VARCHAR,
  filesystem_id BIGINT,
  n INTEGER,
  covered_ms BIGINT,
  size_bytes_avg DOUBLE,
  size_bytes_max DOUBLE,
  available_bytes_avg DOUBLE,
  available_bytes_max DOUBLE,
  inodes_avg DOUBLE,
  inodes_max DOUBLE,
  inodes_free_avg DOUBLE,
  inodes_free_max DOUBLE,
  read_only_avg DOUBLE,
  read_only_max DOUBLE
);
