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

/** The attention kernels, scalar reference. */
public final class AttentionReference extends HostAttention {
  /** The family of {@code device}. */
  public AttentionReference(HostDevice device) {
    super(device);
  }

  @Override
  public KvPool pool(KvPoolSpec spec) {
    requirePool(spec);
    return new KvPoolReference(device(), spec);
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    require(spec);
    return new RmsNormReference(device(), spec);
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    require(spec);
    return new AppendKvReference(device(), spec, pool);
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    require(spec);
    return new PagedDecodeReference(device(), spec, pool);
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    require(spec);
    return new PagedPrefillReference(device(), spec, pool);
  }

  @Override
  public WindowScores windowScores(WindowScoresSpec spec, KvPool pool) {
    require(spec);
    return new WindowScoresReference(device(), spec, pool);
  }

  @Override
  public ScoreAccumulate scoreAccumulate(ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    require(spec);
    return new ScoreAccumulateReference(device(), spec, pool, array);
  }

  @Override
  public SelectTokens selectTokens(SelectTokensSpec spec, KvPool pool) {
    require(spec);
    return new SelectTokensReference(device(), spec, pool);
  }

  @Override
  public CompactKv compactKv(CompactKvSpec spec, KvPool pool) {
    require(spec);
    return new CompactKvReference(device(), spec, pool);
  }

  @Override
  public PageTransfer pageTransfer(PageTransferSpec spec, KvPool pool) {
    require(spec);
    return new PageTransferReference(device(), spec, pool);
  }

  @Override
  public RerotateKeys rerotateKeys(RerotateKeysSpec spec, KvPool pool) {
    require(spec);
    return new RerotateKeysReference(device(), spec, pool);
  }

  @Override
  public PageBounds pageBounds(PageBoundsSpec spec, KvPool pool) {
    require(spec);
    return new PageBoundsReference(device(), spec, pool);
  }

  @Override
  public ScorePages scorePages(ScorePagesSpec spec, KvPool pool) {
    require(spec);
    return new ScorePagesReference(device(), spec, pool);
  }

  @Override
  public MergeSimilarKv mergeSimilarKv(MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    require(spec);
    return new MergeSimilarKvReference(device(), spec, pool, logCounts);
  }

  @Override
  public MergeStates mergeStates(MergeStatesSpec spec) {
    require(spec);
    return new MergeStatesReference(device(), spec);
  }
}
