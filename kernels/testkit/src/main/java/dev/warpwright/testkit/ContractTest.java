package dev.warpwright.testkit;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Support;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Runs a contract on the devices of a provider. Every extreme is a test of its own, so that a
 * failure names its case; random cases are grouped by device. The seed of the random cases is
 * fixed; {@code -Dwarpwright.seed} and {@code -Dwarpwright.cases} change seed and number. The
 * processor's last device takes a sweep over pairs of sizes and options, too, or over as many as
 * {@code -Dwarpwright.sweep} says.
 */
public abstract class ContractTest {
  /** Seed of the random cases. */
  protected static final long SEED = Long.getLong("warpwright.seed", 20_260_722L);

  /** Number of random cases a device. */
  protected static final int CASES = Integer.getInteger("warpwright.cases", 60);

  /** Number of sizes and options whose combinations are all in a sweep; 0 for no sweep. */
  protected static final int SWEEP = Integer.getInteger("warpwright.sweep", 2);

  private final KernelContract contract;
  private final List<KernelDevice> devices = new ArrayList<>();

  /** A test of {@code contract}. */
  protected ContractTest(KernelContract contract) {
    this.contract = contract;
  }

  /** Opens a device of a provider by name. */
  public static KernelDevice open(String provider, int threads) {
    return ServiceLoader.load(KernelProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(p -> p.id().equals(provider))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no provider " + provider))
        .open(OpenOptions.defaults().withThreads(threads));
  }

  /**
   * Options that the provider is known to lack, as {@link KernelDevice#support} names them. Cases
   * that are refused for another reason fail.
   */
  protected Set<String> lacking() {
    return Set.of();
  }

  /** The devices under test; they are closed by this class. */
  protected List<KernelDevice> devices() {
    return List.of(open("cpu", 1), open("cpu", 3));
  }

  @BeforeEach
  final void openDevices() {
    devices.add(open("reference", 1));
    devices.addAll(devices());
  }

  @AfterEach
  final void closeDevices() {
    devices.forEach(KernelDevice::close);
    devices.clear();
  }

  @TestFactory
  final Stream<DynamicTest> contract() {
    KernelDevice reference = devices.getFirst();
    List<DynamicTest> tests = new ArrayList<>();
    for (KernelDevice device : devices.subList(1, devices.size())) {
      for (ContractCase extreme : contract.extremes()) {
        tests.add(
            DynamicTest.dynamicTest(
                device.name() + ": " + extreme, () -> run(reference, device, extreme)));
      }
      for (ContractCase optional : contract.optional()) {
        if (device.provider().equals("cpu") || device.support(optional.spec()).supported()) {
          tests.add(
              DynamicTest.dynamicTest(
                  device.name() + ": " + optional, () -> run(reference, device, optional)));
        }
      }
      tests.add(
          DynamicTest.dynamicTest(
              device.name() + ": " + CASES + " random cases from seed " + SEED,
              () -> {
                for (int i = 0; i < CASES; i++) {
                  run(reference, device, contract.random(new CaseRandom(SEED + i)));
                }
              }));
    }
    if (SWEEP > 0 && devices.getLast().provider().equals("cpu")) {
      KernelDevice device = devices.getLast();
      List<? extends ContractCase> sweep = contract.sweep(SWEEP);
      tests.add(
          DynamicTest.dynamicTest(
              device.name() + ": sweep of " + sweep.size() + " cases",
              () -> sweep.forEach(each -> run(reference, device, each))));
    }
    return tests.stream();
  }

  private void run(KernelDevice reference, KernelDevice device, ContractCase drawn) {
    Support support = device.support(drawn.spec());
    if (!support.supported() && lacking().contains(support.reason())) {
      return;
    }
    if (!support.supported()) {
      throw new ContractViolation(
          device.name() + " does not support " + drawn + ": " + support.reason());
    }
    try {
      drawn.run(reference, device);
    } catch (ContractViolation e) {
      throw new ContractViolation(drawn + ": " + e.getMessage());
    }
  }
}
