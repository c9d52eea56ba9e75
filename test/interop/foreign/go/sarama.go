// sarama: its synchronous producer, its consumer, its consumer group and its cluster admin.
package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/IBM/sarama"
)

var saramaCodecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

var saramaBalancers = map[string]func() sarama.BalanceStrategy{
	"range":              sarama.NewBalanceStrategyRange,
	"roundrobin":         sarama.NewBalanceStrategyRoundRobin,
	"sticky":             sarama.NewBalanceStrategySticky,
	"cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky,
}

type saramaWitness struct {
	broker  string
	client  sarama.Client
	admin   sarama.ClusterAdmin
	members *members
}

func saramaConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID = "witness-sarama"
	config.Version = sarama.V4_1_1_0
	config.Producer.Return.Successes = true
	config.Consumer.Return.Errors = true
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	config.Consumer.Group.Session.Timeout = 10 * time.Second
	return config
}

func openSarama(broker string) (verbs, string, func(error) *int16, error) {
	client, err := sarama.NewClient([]string{broker}, saramaConfig())
	if err != nil {
		return nil, "", nil, err
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, "", nil, err
	}
	s := &saramaWitness{broker: broker, client: client, admin: admin, members: newMembers()}
	table := verbs{
		"produce":            s.produce,
		"read":               s.read,
		"offsetsAt":          s.offsetsAt,
		"join":               s.join,
		"createTopic":        s.createTopic,
		"describeTopic":      s.describeTopic,
		"describeConfigs":    s.describeConfigs,
		"alterConfigs":       s.alterConfigs,
		"addPartitions":      s.addPartitions,
		"deleteRecords":      s.deleteRecords,
		"deleteTopic":        s.deleteTopic,
		"listTopics":         s.listTopics,
		"listGroups":         s.listGroups,
		"describeGroup":      s.describeGroup,
		"groupOffsets":       s.groupOffsets,
		"setGroupOffsets":    s.setGroupOffsets,
		"deleteGroupOffsets": s.deleteGroupOffsets,
		"deleteGroup":        s.deleteGroup,
		"describeCluster":    s.describeCluster,
	}
	s.members.verbs(table)
	return table, "github.com/IBM/sarama", saramaCode, nil
}

func saramaCode(err error) *int16 {
	var code sarama.KError
	if errors.As(err, &code) {
		return (*int16)(&code)
	}
	return nil
}

func (s *saramaWitness) produce(c *command) (any, error) {
	config := saramaConfig()
	config.Producer.Compression = saramaCodecs[c.Codec]
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	config.Producer.Partitioner = sarama.NewMurmur2Partitioner
	if c.Idempotent {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	if len(c.Records) > 0 && c.Records[0].Partition != nil {
		config.Producer.Partitioner = sarama.NewManualPartitioner
	}
	producer, err := sarama.NewSyncProducer([]string{s.broker}, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	sent := make([]*sarama.ProducerMessage, len(c.Records))
	for i, one := range c.Records {
		message := &sarama.ProducerMessage{Topic: c.Topic}
		// An encoder that holds nil is not nil.
		if one.Key != nil {
			message.Key = sarama.ByteEncoder(one.Key)
		}
		if one.Value != nil {
			message.Value = sarama.ByteEncoder(one.Value)
		}
		if one.Partition != nil {
			message.Partition = *one.Partition
		}
		if one.Timestamp != nil {
			message.Timestamp = time.UnixMilli(*one.Timestamp)
		}
		for _, h := range one.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		sent[i] = message
	}
	if err := producer.SendMessages(sent); err != nil {
		var all sarama.ProducerErrors
		if errors.As(err, &all) && len(all) > 0 {
			return nil, all[0].Err
		}
		return nil, err
	}
	placed := make([]place, len(sent))
	for i, one := range sent {
		placed[i] = place{one.Partition, one.Offset}
	}
	return map[string]any{"placed": placed}, nil
}

func (s *saramaWitness) read(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	consumer, err := sarama.NewConsumer([]string{s.broker}, saramaConfig())
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	progress := newProgress(c)
	read := make(chan *sarama.ConsumerMessage, 100)
	failed := make(chan error, len(c.From))
	for partition, offset := range c.From {
		one, err := consumer.ConsumePartition(c.Topic, partition, offset)
		if err != nil {
			return nil, err
		}
		defer one.Close()
		go func() {
			for {
				select {
				case message, ok := <-one.Messages():
					if !ok {
						return
					}
					select {
					case read <- message:
					case <-ctx.Done():
						return
					}
				case err := <-one.Errors():
					if err != nil {
						failed <- err
					}
					return
				}
			}
		}()
	}
	for !progress.isDone() {
		select {
		case message := <-read:
			progress.add(saramaRecord(message))
		case err := <-failed:
			return progress.answer(err)
		case <-ctx.Done():
			return progress.answer(ctx.Err())
		}
	}
	return progress.answer(nil)
}

func saramaRecord(m *sarama.ConsumerMessage) readRecord {
	timestamp := m.Timestamp.UnixMilli()
	headers := []header{}
	for _, h := range m.Headers {
		headers = append(headers, header{string(h.Key), h.Value})
	}
	return readRecord{record{m.Key, m.Value, headers, &m.Partition, &timestamp}, m.Offset}
}

func (s *saramaWitness) offsetsAt(c *command) (any, error) {
	if err := s.client.RefreshMetadata(c.Topic); err != nil {
		return nil, err
	}
	partitions, err := s.client.Partitions(c.Topic)
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	for _, partition := range partitions {
		offset, err := s.client.GetOffset(c.Topic, partition, c.Timestamp)
		if err != nil {
			return nil, err
		}
		offsets[partition] = offset
	}
	return map[string]any{"offsets": offsets}, nil
}

// What sarama calls while a member owns partitions. With a cooperative strategy one session outlives its rebalances, so a claim's own
// beginning and end tell what is owned.
type claimant struct{ *member }

func (h claimant) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (h claimant) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h claimant) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	claimed := map[string][]int32{claim.Topic(): {claim.Partition()}}
	h.own(claimed)
	defer h.disown(claimed)
	for message := range claim.Messages() {
		h.take(taken{message.Topic, place{message.Partition, message.Offset}, message.Value})
		session.MarkMessage(message, "")
		if len(claim.Messages()) == 0 {
			session.Commit()
		}
	}
	return nil
}

func (s *saramaWitness) join(c *command) (any, error) {
	one := newMember()
	config := saramaConfig()
	config.ClientID = c.Member
	config.Metadata.RefreshFrequency = time.Second
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{saramaBalancers[c.Assignor]()}
	config.Consumer.Group.InstanceId = c.Instance
	consumer, err := sarama.NewConsumerGroup([]string{s.broker}, c.Group, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		for err := range consumer.Errors() {
			one.fail(err)
		}
	}()
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := consumer.Consume(ctx, c.Topics, claimant{one}); err != nil {
				one.fail(err)
				time.Sleep(100 * time.Millisecond)
			}
		}
	}()
	one.leave = func() error {
		cancel()
		<-ended
		return consumer.Close()
	}
	s.members.add(c.Member, one)
	return nothing, nil
}

func (s *saramaWitness) createTopic(c *command) (any, error) {
	detail := &sarama.TopicDetail{NumPartitions: c.Partitions, ReplicationFactor: 1, ConfigEntries: pointers(c.Configs)}
	return nothing, s.admin.CreateTopic(c.Topic, detail, false)
}

func (s *saramaWitness) describeTopic(c *command) (any, error) {
	topics, err := s.admin.DescribeTopics([]string{c.Topic})
	if err != nil {
		return nil, err
	}
	if topics[0].Err != sarama.ErrNoError {
		return nil, topics[0].Err
	}
	return map[string]any{"partitions": len(topics[0].Partitions)}, nil
}

func (s *saramaWitness) listTopics(*command) (any, error) {
	topics, err := s.admin.ListTopics()
	names := []string{}
	for name := range topics {
		names = append(names, name)
	}
	return map[string]any{"topics": names}, err
}

func (s *saramaWitness) describeConfigs(c *command) (any, error) {
	entries, err := s.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: c.Topic})
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, entry := range entries {
		configs[entry.Name] = entry.Value
	}
	return map[string]any{"configs": configs}, nil
}

func (s *saramaWitness) alterConfigs(c *command) (any, error) {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for name, value := range pointers(c.Configs) {
		entries[name] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: value}
	}
	return nothing, s.admin.IncrementalAlterConfig(sarama.TopicResource, c.Topic, entries, false)
}

func (s *saramaWitness) addPartitions(c *command) (any, error) {
	return nothing, s.admin.CreatePartitions(c.Topic, c.Partitions, nil, false)
}

func (s *saramaWitness) deleteRecords(c *command) (any, error) {
	return nothing, s.admin.DeleteRecords(c.Topic, c.Offsets)
}

func (s *saramaWitness) deleteTopic(c *command) (any, error) {
	return nothing, s.admin.DeleteTopic(c.Topic)
}

func (s *saramaWitness) listGroups(*command) (any, error) {
	groups, err := s.admin.ListConsumerGroups()
	names := []string{}
	for name := range groups {
		names = append(names, name)
	}
	return map[string]any{"groups": names}, err
}

func (s *saramaWitness) describeGroup(c *command) (any, error) {
	if err := s.client.RefreshCoordinator(c.Group); err != nil {
		return nil, err
	}
	groups, err := s.admin.DescribeConsumerGroups([]string{c.Group})
	if err != nil {
		return nil, err
	}
	if groups[0].Err != sarama.ErrNoError {
		return nil, groups[0].Err
	}
	told := group{State: groups[0].State, Members: []described{}}
	for _, m := range groups[0].Members {
		assignment, err := m.GetMemberAssignment()
		if err != nil {
			return nil, err
		}
		partitions := map[string][]int32{}
		if assignment != nil {
			for topic, list := range assignment.Topics {
				sort.Slice(list, func(a, b int) bool { return list[a] < list[b] })
				partitions[topic] = list
			}
		}
		told.Members = append(told.Members, described{m.ClientId, partitions})
	}
	return told, nil
}

func (s *saramaWitness) groupOffsets(c *command) (any, error) {
	fetched, err := s.admin.ListConsumerGroupOffsets(c.Group, nil)
	if err != nil {
		return nil, err
	}
	if fetched.Err != sarama.ErrNoError {
		return nil, fetched.Err
	}
	offsets := map[int32]int64{}
	for partition, block := range fetched.Blocks[c.Topic] {
		offsets[partition] = block.Offset
	}
	return map[string]any{"offsets": offsets}, nil
}

func (s *saramaWitness) setGroupOffsets(c *command) (any, error) {
	offsets := map[int32]sarama.OffsetAndMetadata{}
	for partition, offset := range c.Offsets {
		offsets[partition] = sarama.OffsetAndMetadata{Offset: offset, LeaderEpoch: -1}
	}
	_, err := s.admin.AlterConsumerGroupOffsets(c.Group, map[string]map[int32]sarama.OffsetAndMetadata{c.Topic: offsets}, nil)
	return nothing, err
}

func (s *saramaWitness) deleteGroupOffsets(c *command) (any, error) {
	for partition := range c.Offsets {
		if err := s.admin.DeleteConsumerGroupOffset(c.Group, c.Topic, partition); err != nil {
			return nil, err
		}
	}
	return nothing, nil
}

func (s *saramaWitness) deleteGroup(c *command) (any, error) {
	return nothing, s.admin.DeleteConsumerGroup(c.Group)
}

func (s *saramaWitness) describeCluster(*command) (any, error) {
	found, _, err := s.admin.DescribeCluster()
	if err != nil {
		return nil, err
	}
	brokers := []string{}
	for _, b := range found {
		brokers = append(brokers, fmt.Sprint(b.Addr()))
	}
	return map[string]any{"brokers": brokers}, nil
}
