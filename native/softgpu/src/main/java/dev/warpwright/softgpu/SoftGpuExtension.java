package dev.warpwright.softgpu;

import dev.warpwright.softgpu.sim.DeviceProfile;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/** Gives each test a software GPU; see {@link SoftGpuTest}. */
public final class SoftGpuExtension
    implements BeforeEachCallback, AfterEachCallback, ParameterResolver, ExecutionCondition {
  private static final Namespace NAMESPACE = Namespace.create(SoftGpuExtension.class);

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    String reason = SoftGpu.unavailable();
    return reason == null
        ? ConditionEvaluationResult.enabled("")
        : ConditionEvaluationResult.disabled(reason);
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    context.getStore(NAMESPACE).put(SoftGpu.class, SoftGpu.open(options(annotation(context))));
  }

  @Override
  public void afterEach(ExtensionContext context) {
    try (SoftGpu gpu = context.getStore(NAMESPACE).get(SoftGpu.class, SoftGpu.class)) {
      List<String> complaints = gpu.complaints();
      if (!complaints.isEmpty()) {
        AssertionError error = new AssertionError(String.join("\n", complaints));
        context.getExecutionException().ifPresent(error::addSuppressed);
        throw error;
      }
    }
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == SoftGpu.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return context.getStore(NAMESPACE).get(SoftGpu.class, SoftGpu.class);
  }

  private static SoftGpuTest annotation(ExtensionContext context) {
    return AnnotationSupport.findAnnotation(context.getTestMethod(), SoftGpuTest.class)
        .or(
            () ->
                AnnotationSupport.findAnnotation(context.getRequiredTestClass(), SoftGpuTest.class))
        .orElseThrow();
  }

  private static SoftGpuOptions options(SoftGpuTest wanted) {
    DeviceProfile[] devices =
        Arrays.stream(wanted.devices())
            .map(SoftGpuExtension::profile)
            .toArray(DeviceProfile[]::new);
    return SoftGpuOptions.on(devices)
        .withDriverVersion(wanted.driverVersion())
        .withMemoryBytes(wanted.memoryBytes())
        .withProgress(wanted.progress())
        .withSeed(wanted.seed());
  }

  private static DeviceProfile profile(String constant) {
    try {
      return (DeviceProfile) DeviceProfile.class.getField(constant).get(null);
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("no device profile is called " + constant, e);
    }
  }
}
