package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.cpu.HostDevice;

/** The attention kernels, on the Vector API. */
public final class AttentionVector extends HostAttention {
  /** The family of {@code device}. */
  public AttentionVector(HostDevice device) {
    super(device);
  }

  @Override
  public KvPool pool(KvPoolSpec spec) {
    requirePool(spec);
    return new KvPoolVector(device(), spec);
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    require(spec);
    return new RmsNormVector(device(), spec);
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    require(spec);
    return new AppendKvVector(device(), spec, pool);
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    require(spec);
    return new PagedDecodeVector(device(), spec, pool);
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    require(spec);
    return new PagedPrefillVector(device(), spec, pool);
  }

  @Override
  public WindowScores windowScores(WindowScoresSpec spec, KvPool pool) {
    require(spec);
    return new WindowScoresVector(device(), spec, pool);
  }

  @Override
  public ScoreAccumulate scoreAccumulate(ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    require(spec);
    return new ScoreAccumulateVector(device(), spec, pool, array);
  }

  @Override
  public SelectTokens selectTokens(SelectTokensSpec spec, KvPool pool) {
    require(spec);
    return new SelectTokensVector(device(), spec, pool);
  }

  @Override
  public CompactKv compactKv(CompactKvSpec spec, KvPool pool) {
    require(spec);
    return new CompactKvVector(device(), spec, pool);
  }

  @Override
  public PageTransfer pageTransfer(PageTransferSpec spec, KvPool pool) {
    require(spec);
    return new PageTransferVector(device(), spec, pool);
  }

  @Override
  public RerotateKeys rerotateKeys(RerotateKeysSpec spec, KvPool pool) {
    require(spec);
    return new RerotateKeysVector(device(), spec, pool);
  }

  @Override
  public PageBounds pageBounds(PageBoundsSpec spec, KvPool pool) {
    require(spec);
    return new PageBoundsVector(device(), spec, pool);
  }

  @Override
  public ScorePages scorePages(ScorePagesSpec spec, KvPool pool) {
    require(spec);
    return new ScorePagesVector(device(), spec, pool);
  }

  @Override
  public MergeSimilarKv mergeSimilarKv(MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    require(spec);
    return new MergeSimilarKvVector(device(), spec, pool, logCounts);
  }

  @Override
  public MergeStates mergeStates(MergeStatesSpec spec) {
    require(spec);
    return new MergeStatesVector(device(), spec);
  }
}
