// franz-go: its producer, its consumers of both group protocols, and kadm.
package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var franzCodecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var franzBalancers = map[string]kgo.GroupBalancer{
	"range":              kgo.RangeBalancer(),
	"roundrobin":         kgo.RoundRobinBalancer(),
	"sticky":             kgo.StickyBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

type franz struct {
	broker  string
	admin   *kadm.Client
	members *members
}

func openFranz(broker string) (verbs, string, func(error) *int16, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ClientID("witness-franz-go"), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, "", nil, err
	}
	f := &franz{broker: broker, admin: kadm.NewClient(client), members: newMembers()}
	table := verbs{
		"produce":            f.produce,
		"read":               f.read,
		"offsetsAt":          f.offsetsAt,
		"join":               f.join,
		"createTopic":        f.createTopic,
		"describeTopic":      f.describeTopic,
		"describeConfigs":    f.describeConfigs,
		"alterConfigs":       f.alterConfigs,
		"addPartitions":      f.addPartitions,
		"deleteRecords":      f.deleteRecords,
		"deleteTopic":        f.deleteTopic,
		"listTopics":         f.listTopics,
		"listGroups":         f.listGroups,
		"describeGroup":      f.describeGroup,
		"groupOffsets":       f.groupOffsets,
		"setGroupOffsets":    f.setGroupOffsets,
		"deleteGroupOffsets": f.deleteGroupOffsets,
		"deleteGroup":        f.deleteGroup,
		"describeCluster":    f.describeCluster,
	}
	f.members.verbs(table)
	return table, "github.com/twmb/franz-go", franzCode, nil
}

func franzCode(err error) *int16 {
	var known *kerr.Error
	if errors.As(err, &known) {
		return &known.Code
	}
	return nil
}

func (f *franz) produce(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	options := []kgo.Opt{kgo.SeedBrokers(f.broker), kgo.DefaultProduceTopic(c.Topic), kgo.ProducerBatchCompression(franzCodecs[c.Codec])}
	if !c.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if len(c.Records) > 0 && c.Records[0].Partition != nil {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	sent := make([]*kgo.Record, len(c.Records))
	for i, one := range c.Records {
		sent[i] = &kgo.Record{Key: one.Key, Value: one.Value}
		if one.Partition != nil {
			sent[i].Partition = *one.Partition
		}
		if one.Timestamp != nil {
			sent[i].Timestamp = time.UnixMilli(*one.Timestamp)
		}
		for _, h := range one.Headers {
			sent[i].Headers = append(sent[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	results := client.ProduceSync(ctx, sent...)
	if err := results.FirstErr(); err != nil {
		return nil, err
	}
	placed := make([]place, len(sent))
	for i, one := range sent {
		placed[i] = place{one.Partition, one.Offset}
	}
	return map[string]any{"placed": placed}, nil
}

func (f *franz) read(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	from := map[int32]kgo.Offset{}
	for partition, offset := range c.From {
		from[partition] = kgo.NewOffset().At(offset)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(f.broker), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.Topic: from}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	progress := newProgress(c)
	for !progress.isDone() {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return progress.answer(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			progress.add(franzRecord(r))
		})
	}
	return progress.answer(nil)
}

func franzRecord(r *kgo.Record) readRecord {
	timestamp := r.Timestamp.UnixMilli()
	headers := []header{}
	for _, h := range r.Headers {
		headers = append(headers, header{h.Key, h.Value})
	}
	return readRecord{record{r.Key, r.Value, headers, &r.Partition, &timestamp}, r.Offset}
}

func (f *franz) offsetsAt(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	list := map[int64]func(context.Context, ...string) (kadm.ListedOffsets, error){
		-1: f.admin.ListEndOffsets,
		-2: f.admin.ListStartOffsets,
		-3: f.admin.ListMaxTimestampOffsets,
	}[c.Timestamp]
	if list == nil {
		list = func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return f.admin.ListOffsetsAfterMilli(ctx, c.Timestamp, topics...)
		}
	}
	listed, err := list(ctx, c.Topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { offsets[o.Partition] = o.Offset })
	return map[string]any{"offsets": offsets}, nil
}

func (f *franz) join(c *command) (any, error) {
	one := newMember()
	options := []kgo.Opt{
		kgo.SeedBrokers(f.broker),
		kgo.ClientID(c.Member),
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeTopics(c.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(200 * time.Millisecond),
		kgo.SessionTimeout(10 * time.Second),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, claims map[string][]int32) { one.own(claims) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, claims map[string][]int32) { one.disown(claims) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, claims map[string][]int32) { one.disown(claims) }),
	}
	if c.Assignor == "consumer" {
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	} else {
		options = append(options, kgo.Balancers(franzBalancers[c.Assignor]))
	}
	if c.Instance != "" {
		options = append(options, kgo.InstanceID(c.Instance))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			fetches := client.PollRecords(ctx, 500)
			fetches.EachError(func(topic string, partition int32, err error) {
				one.fail(fmt.Errorf("%s-%d: %w", topic, partition, err))
			})
			fetches.EachRecord(func(r *kgo.Record) { one.take(taken{r.Topic, place{r.Partition, r.Offset}, r.Value}) })
			if !fetches.Empty() {
				one.fail(client.CommitRecords(context.Background(), fetches.Records()...))
			}
			client.AllowRebalance()
		}
	}()
	one.leave = func() error {
		cancel()
		<-ended
		client.CloseAllowingRebalance()
		return nil
	}
	f.members.add(c.Member, one)
	return nothing, nil
}

func (f *franz) createTopic(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	_, err := f.admin.CreateTopic(ctx, c.Partitions, -1, pointers(c.Configs), c.Topic)
	return nothing, err
}

func pointers(configs map[string]string) map[string]*string {
	made := map[string]*string{}
	for name, value := range configs {
		made[name] = &value
	}
	return made
}

func (f *franz) describeTopic(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	topics, err := f.admin.ListTopics(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	if err := topics[c.Topic].Err; err != nil {
		return nil, err
	}
	return map[string]any{"partitions": len(topics[c.Topic].Partitions)}, nil
}

func (f *franz) listTopics(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	topics, err := f.admin.ListTopics(ctx)
	return map[string]any{"topics": topics.Names()}, err
}

func (f *franz) describeConfigs(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	resources, err := f.admin.DescribeTopicConfigs(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	resource, err := resources.On(c.Topic, func(r *kadm.ResourceConfig) error { return r.Err })
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, config := range resource.Configs {
		configs[config.Key] = config.MaybeValue()
	}
	return map[string]any{"configs": configs}, nil
}

func (f *franz) alterConfigs(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	alter := []kadm.AlterConfig{}
	for name, value := range pointers(c.Configs) {
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: value})
	}
	altered, err := f.admin.AlterTopicConfigs(ctx, alter, c.Topic)
	if err == nil {
		_, err = altered.On(c.Topic, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	return nothing, err
}

func (f *franz) addPartitions(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	made, err := f.admin.UpdatePartitions(ctx, int(c.Partitions), c.Topic)
	if err == nil {
		err = made.Error()
	}
	return nothing, err
}

func (f *franz) deleteRecords(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	deleted, err := f.admin.DeleteRecords(ctx, franzOffsets(c))
	if err == nil {
		err = deleted.Error()
	}
	return nothing, err
}

func franzOffsets(c *command) kadm.Offsets {
	offsets := kadm.Offsets{}
	for partition, offset := range c.Offsets {
		offsets.Add(kadm.Offset{Topic: c.Topic, Partition: partition, At: offset, LeaderEpoch: -1})
	}
	return offsets
}

func (f *franz) deleteTopic(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	_, err := f.admin.DeleteTopic(ctx, c.Topic)
	return nothing, err
}

func (f *franz) listGroups(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	groups, err := f.admin.ListGroups(ctx)
	return map[string]any{"groups": groups.Groups()}, err
}

func (f *franz) describeGroup(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	if c.Assignor == "consumer" {
		return f.describeConsumerGroup(ctx, c.Group)
	}
	groups, err := f.admin.DescribeGroups(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	one, err := groups.On(c.Group, func(g *kadm.DescribedGroup) error { return g.Err })
	if err != nil {
		return nil, err
	}
	told := group{State: one.State, Members: []described{}}
	for _, m := range one.Members {
		partitions := map[string][]int32{}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				partitions[t.Topic] = append(partitions[t.Topic], t.Partitions...)
			}
		}
		told.Members = append(told.Members, described{m.ClientID, partitions})
	}
	return told, nil
}

func (f *franz) describeConsumerGroup(ctx context.Context, name string) (any, error) {
	groups, err := f.admin.DescribeConsumerGroups(ctx, name)
	if err != nil {
		return nil, err
	}
	one := groups[name]
	if one.Err != nil {
		return nil, one.Err
	}
	told := group{State: one.State, Members: []described{}}
	for _, m := range one.Members {
		partitions := map[string][]int32{}
		for topic, set := range m.Assignment {
			for partition := range set {
				partitions[topic] = append(partitions[topic], partition)
			}
			sort.Slice(partitions[topic], func(a, b int) bool { return partitions[topic][a] < partitions[topic][b] })
		}
		told.Members = append(told.Members, described{m.ClientID, partitions})
	}
	return told, nil
}

func (f *franz) groupOffsets(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	fetched, err := f.admin.FetchOffsets(ctx, c.Group)
	if err == nil {
		err = fetched.Error()
	}
	if err != nil {
		return nil, err
	}
	offsets := map[int32]int64{}
	fetched.Each(func(o kadm.OffsetResponse) {
		if o.Topic == c.Topic {
			offsets[o.Partition] = o.At
		}
	})
	return map[string]any{"offsets": offsets}, nil
}

func (f *franz) setGroupOffsets(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	return nothing, f.admin.CommitAllOffsets(ctx, c.Group, franzOffsets(c))
}

func (f *franz) deleteGroupOffsets(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	set := kadm.TopicsSet{}
	for partition := range c.Offsets {
		set.Add(c.Topic, partition)
	}
	deleted, err := f.admin.DeleteOffsets(ctx, c.Group, set)
	if err == nil {
		err = deleted.Error()
	}
	return nothing, err
}

func (f *franz) deleteGroup(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	_, err := f.admin.DeleteGroup(ctx, c.Group)
	return nothing, err
}

func (f *franz) describeCluster(c *command) (any, error) {
	ctx, cancel := c.context()
	defer cancel()
	metadata, err := f.admin.BrokerMetadata(ctx)
	if err != nil {
		return nil, err
	}
	brokers := []string{}
	for _, b := range metadata.Brokers {
		brokers = append(brokers, fmt.Sprintf("%s:%d", b.Host, b.Port))
	}
	return map[string]any{"brokers": brokers}, nil
}
